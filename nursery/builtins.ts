import { hostname } from 'node:os'
import { type Act, type Actant, eventText } from '../node/actor-events.ts'
import { type ActorRef, Cancelled, GreenroomError, InvalidArgument } from '../node/errors.ts'
import { checkLevelMs, checkLogLevel, type LogLevel, setLogLevel } from '../node/log.ts'
import { onDiscoveryEvent } from '../discovery/events.ts'
import { lookAt } from '../discovery/look.ts'
import type { SnapshotOptions } from '../discovery/snapshot.ts'
import type { BuiltinTable } from '../rpc/builtins.ts'
import { type FunctionKind, MAX_FUNCTION_ID } from '../rpc/exposed.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { checkTreeTimeout, MAX_TREE_CHILDREN, TREE_TIMEOUT_MS } from './actor-tree.ts'
import { actantOf, LAST_WORDS_MS, readReason, showActant } from './acting.ts'
import { describeActor } from './describe-tree.ts'
import {
  keyOf,
  MAX_NAMED_ACTORS,
  MAX_RECALLED_ITEMS,
  type Observed,
  type ObserveRequest,
  type RecallBounds,
} from './observed.ts'
import { checkRoundTripMs, readVitalsOf } from './read-vitals.ts'

/** Milliseconds in which the actors below have to say what they remember. */
const RECALL_TIMEOUT_MS = 1_000

/** What every actor answers to members. */
export function serveBuiltins(runtime: ActorRuntime): void {
  const { rpc, children, actor, events, discovery } = runtime
  const note = (act: Act, by: Actant, details: { target?: ActorRef; what?: string; why?: string } = {}): void => {
    const { target = actor, what, why } = details
    const { name, id } = target
    events.emit({
      type: 'act',
      act,
      by,
      target: { name, id },
      ...(what === undefined ? {} : { what: eventText(what) }),
      ...(why === undefined ? {} : { why: eventText(why) }),
    })
  }
  const perform = (peer: string, id: unknown, kind: FunctionKind, as: unknown, args: unknown[]): unknown => {
    if (typeof id !== 'string' || id.length > MAX_FUNCTION_ID) throw new InvalidArgument('a call names its function')
    note('call', actantOf(discovery, peer, as), { what: id })
    return rpc.perform(peer, id, kind, args)
  }
  const table: BuiltinTable = {
    tree: async (_peer, timeoutMs = TREE_TIMEOUT_MS) => {
      checkTreeTimeout(timeoutMs as number)
      return await describeActor(runtime, { timeoutMs: timeoutMs as number, children: MAX_TREE_CHILDREN })
    },
    vitals: async (_peer, roundTripMs = 0, brief = false) => {
      checkRoundTripMs(roundTripMs as number)
      return await readVitalsOf(runtime, roundTripMs as number, brief === true)
    },
    look: (_peer, options) => lookAt(discovery, (options ?? {}) as SnapshotOptions),
    observe: (_peer, request) => observe(runtime, readRequest(request)),
    setLogLevel: (peer, level, forMs, as) => {
      checkLogLevel(level as LogLevel)
      checkLevelMs(forMs as number | undefined)
      note('logLevel', actantOf(discovery, peer, as), { what: level as string })
      setLogLevel(level as LogLevel, forMs as number | undefined)
      children.setLogLevel(level as LogLevel, forMs as number | undefined)
    },
    endChild: async (peer, id, force, why, as) => {
      const child = typeof id === 'string' ? children.find(id) : undefined
      if (child === undefined) throw new GreenroomError('NO_CHILD', `${actor.name} has no child with that peer id`)
      const by = actantOf(discovery, peer, as)
      const reason = readReason(why)
      note(force === true ? 'kill' : 'cancel', by, { target: { name: child.name, id: child.id }, why: reason })
      if (force === true) await child.destroy(showActant(by), reason)
      else await child.end(new Cancelled(showActant(by), reason))
    },
    kill: async (peer, why, as) => {
      if (runtime.options.ownsProcess !== true)
        throw new GreenroomError(
          'NOT_KILLED',
          `${actor.name} is part of a service that owns process ${process.pid}: cancel it, or kill that process on ${hostname()}`,
        )
      note('kill', actantOf(discovery, peer, as), { why: readReason(why) })
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), LAST_WORDS_MS)
    },
    call: (peer, functionId, as, ...args) => perform(peer, functionId, 'value', as, args),
    stream: (peer, functionId, as, ...args) => perform(peer, functionId, 'stream', as, args),
  }
  rpc.serveBuiltins(table)
}

/** What happens here from now on, in batches; before it, what is remembered. */
async function* observe(runtime: ActorRuntime, request: ObserveRequest): AsyncGenerator<readonly Observed[]> {
  const { observation } = runtime
  const queue = observation.observe(request, request.below)
  const batches = queue.batches()
  const unlisten = request.discovery
    ? onDiscoveryEvent(runtime.discovery, (event) => queue.push({ discovery: event }))
    : undefined
  try {
    // says that it is heard from now on, also when nothing is remembered
    if (request.recent === 0) yield []
    else {
      const bounds: RecallBounds = { ...request, items: request.recent, timeoutMs: RECALL_TIMEOUT_MS }
      const before = await observation.recall(bounds, request.below)
      yield before
      const known = new Set(before.map(keyOf))
      // what came while the others were asked may be among what they remember
      const meanwhile = queue.takeAll().filter((item) => 'missed' in item || !known.has(keyOf(item)))
      if (meanwhile.length > 0) yield meanwhile
    }
    yield* batches
  } finally {
    unlisten?.()
    queue.close()
  }
}

function readRequest(request: unknown): ObserveRequest {
  const { events, level, below, recent, discovery = false, actors } = (request ?? {}) as Record<string, unknown>
  if (typeof events !== 'boolean' || typeof below !== 'boolean')
    throw new InvalidArgument('an observer says whether it wants events, and from the actors below')
  checkLogLevel(level as LogLevel)
  if (!(Number.isInteger(recent) && (recent as number) >= 0 && (recent as number) <= MAX_RECALLED_ITEMS))
    throw new InvalidArgument(`an observer asks for 0 to ${MAX_RECALLED_ITEMS} items of what was before`)
  const isList = Array.isArray(actors) && actors.length <= MAX_NAMED_ACTORS
  if (actors !== undefined && actors !== null && !(isList && actors.every((one) => typeof one === 'string')))
    throw new InvalidArgument(`an observer names ${MAX_NAMED_ACTORS} actors at most`)
  return {
    events,
    level: level as LogLevel,
    below,
    recent: recent as number,
    discovery: discovery === true,
    ...(isList ? { actors: actors as string[] } : {}),
  }
}
