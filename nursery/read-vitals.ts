import { hostname } from 'node:os'
import { inspect } from 'node:util'
import { type ActorRef, InvalidArgument } from '../node/errors.ts'
import { logLevel } from '../node/log.ts'
import { BRIEF_METER_LINGER_MS, METER_LINGER_MS } from '../node/process-meter.ts'
import { isRelayed } from '../node/relay.ts'
import { GREENROOM_VERSION } from '../node/version.ts'
import { lookAt } from '../discovery/look.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { Portal } from '../rpc/portal.ts'
import { type ActorRuntime, currentRuntime } from './actor-runtime.ts'
import type { RuntimeOptions } from './runtime-options.ts'
import { MAX_TREE_TIMEOUT_MS } from './actor-tree.ts'
import type { StartMethod } from './start-method.ts'
import {
  type ActorVitals,
  type ConnectionVitals,
  MAX_BRIEF_STREAMS,
  MAX_VITAL_ENTRIES,
  type StreamVitals,
} from './actor-vitals.ts'
import { wallClock } from './wall-clock.ts'

export interface VitalsOptions {
  /** Milliseconds that the actor waits for round trips to those that it is connected to, at most 64, 0 to 60,000; default 0: none is measured. */
  readonly roundTripMs?: number
  /** Only what a row of a table needs, for those who ask often: no functions, connections and counters, and 16 streams at most; default everything. */
  readonly brief?: boolean
}

/**
 * How an actor is: its process, memory, processor share, event loop, calls, connections and streams. Measuring the event loop
 * begins with the first question and ends 75 s after the last one.
 *
 * @param actor default the one of this process
 * @throws ActorDied when nobody answers behind the portal
 * @throws GreenroomError `NO_ACTOR` when no portal is given and this process is no actor
 * @example
 * ```ts
 * const { host, pid, cpu, memory } = await readVitals(await waitForActor('gretchen'))
 * console.log(`${host}/${pid}: ${cpu.share * 100} %, ${memory.rssBytes / 2 ** 20} MiB`)
 * ```
 */
export async function readVitals(
  actor?: Portal,
  { roundTripMs = 0, brief = false }: VitalsOptions = {},
): Promise<ActorVitals> {
  checkRoundTripMs(roundTripMs)
  if (actor === undefined) return await readVitalsOf(currentRuntime(), roundTripMs, brief)
  return (await actor.call(builtinId('vitals'), roundTripMs, brief)) as ActorVitals
}

/** @throws InvalidArgument when it is no time that is waited for round trips */
export function checkRoundTripMs(ms: number): void {
  if (!(typeof ms === 'number' && ms >= 0 && ms <= MAX_TREE_TIMEOUT_MS))
    throw new InvalidArgument(`roundTripMs is 0 to ${MAX_TREE_TIMEOUT_MS}, got ${inspect(ms, { depth: 0 })}`)
}

/** Reads how an actor of this process is. @param roundTripMs milliseconds that round trips are waited for; 0: none is measured */
export async function readVitalsOf(runtime: ActorRuntime, roundTripMs: number, brief = false): Promise<ActorVitals> {
  const { actor, options, meter, discovery, host, rpc } = runtime
  const { registry } = discovery.state
  const roundTrips = roundTripMs > 0 ? await roundTripsOf(runtime, roundTripMs) : undefined
  const memory = process.memoryUsage()
  const refOf = (id: string): ActorRef => ({ name: registry.get(id)?.name ?? '', id })
  const connections = brief ? [] : host.connections()
  const streams = rpc.openStreams()
  const mostStreams = brief ? MAX_BRIEF_STREAMS : MAX_VITAL_ENTRIES
  const onWall = wallClock()
  return {
    name: actor.name,
    id: actor.id,
    at: Date.now(),
    root: runtime.root,
    parent: options.parent?.id ?? null,
    pid: process.pid,
    host: hostname(),
    platform: process.platform,
    arch: process.arch,
    startedAt: runtime.startedAt,
    processStartedAt: Math.round(Date.now() - process.uptime() * 1_000),
    versions: { greenroom: GREENROOM_VERSION, node: process.versions.node, program: actor.version ?? null },
    startMethod: startMethodOf(options),
    logLevel: logLevel(),
    ...meter.read(brief ? BRIEF_METER_LINGER_MS : METER_LINGER_MS),
    memory: {
      rssBytes: memory.rss,
      heapUsedBytes: memory.heapUsed,
      heapTotalBytes: memory.heapTotal,
      externalBytes: memory.external,
    },
    stats: rpc.stats(brief),
    connections: connections
      .slice(0, MAX_VITAL_ENTRIES)
      .map(({ peer, address, direction, since, streams: open }): ConnectionVitals => ({
        peer: refOf(peer),
        address,
        direction,
        since,
        relayed: isRelayed(address),
        streams: open,
        roundTripMs: roundTrips?.get(peer) ?? null,
      })),
    streams: streams.slice(0, mostStreams).map((stream): StreamVitals => ({
      functionId: stream.functionId,
      peer: refOf(stream.peer),
      role: stream.role,
      since: onWall(stream.since),
      itemsSent: stream.itemsSent,
      itemsReceived: stream.itemsReceived,
      credit: stream.credit,
      queued: stream.queued,
    })),
    leftOut: Math.max(0, connections.length - MAX_VITAL_ENTRIES) + Math.max(0, streams.length - mostStreams),
    discovery: discoveryOf(runtime, brief),
    children: childrenOf(runtime),
  }
}

async function roundTripsOf({ host, rpc, discovery }: ActorRuntime, withinMs: number): Promise<Map<string, number>> {
  const { registry } = discovery.state
  const peers = new Set(host.connections().map(({ peer }) => peer))
  const members = [...peers].flatMap((id) => registry.get(id) ?? [])
  return await rpc.roundTrips(
    members.map(({ name, peerId }) => ({ name, id: peerId })),
    withinMs,
  )
}

function discoveryOf({ discovery }: ActorRuntime, brief: boolean): ActorVitals['discovery'] {
  const { self, counts, arbiter, election, counters } = lookAt(discovery, { limit: 0 })
  return {
    joined: self.joined,
    leaving: self.leaving,
    stretch: self.stretch,
    heard: self.heard,
    links: counts.links,
    actors: counts.actors,
    roots: counts.roots,
    term: election.term,
    isArbiter: arbiter?.self === true,
    counters: brief ? {} : counters,
  }
}

function childrenOf(runtime: ActorRuntime): ActorVitals['children'] {
  const counts = { starting: 0, running: 0, restarting: 0, restarts: runtime.events.count('restarting') }
  for (const { books } of runtime.nurseries()) for (const { state } of books.alive()) counts[state] += 1
  return counts
}

function startMethodOf({ parent, isThread, isWarm }: RuntimeOptions): StartMethod | null {
  if (parent === undefined) return null
  if (isThread === true) return 'thread'
  return isWarm === true ? 'warm' : 'process'
}
