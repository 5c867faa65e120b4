import type { Cancelled } from '../node/errors.ts'
import { namedWaits } from '../node/waits.ts'
import { builtinId } from '../rpc/builtins.ts'
import { Portal } from '../rpc/portal.ts'
import { type ActorRuntime, currentRuntime, type LiveNursery } from './actor-runtime.ts'
import {
  type ActorTree,
  checkTreeTimeout,
  type ChildTree,
  type EndedChild,
  MAX_TREE_ALL_ENTRIES,
  MAX_TREE_CHILDREN,
  MAX_TREE_ENDED,
  MAX_TREE_ENTRIES,
  MAX_TREE_TEXT,
  type NurseryTree,
  type ServedCall,
  TREE_TIMEOUT_MS,
  type TreeBounds,
  type Wait,
} from './actor-tree.ts'
import { type ChildPage, type EndedPage, whyCancelled } from './report.ts'
import { wallClock } from './wall-clock.ts'

/** Of the time that an actor has to answer, what those below it get, so that it can still tell who did not. */
const SHARE_BELOW = 0.75

export interface TreeOptions {
  /** Milliseconds in which the actors below have to answer, above 0, at most 60,000; default 1,000. */
  readonly timeoutMs?: number
}

/**
 * Describes this actor, or the one behind a portal, and what is alive below it: actors, nurseries, tasks, who waits for what,
 * since when, restarts with their reasons, and who ended lately and why.
 *
 * Each actor asks its children over the private channel. One that does not answer in time, because it is busy, is shown
 * as silent and keeps nobody else from answering. 2,000 children are told of at most, the others are counted.
 *
 * @throws ActorDied when nobody answers behind the portal
 * @throws GreenroomError `NO_ACTOR` when no portal is given and this process is no actor
 * @example
 * ```ts
 * console.log(showTree(await describeTree()))
 * console.log(showTree(await describeTree(await waitForActor('gretchen'))))
 * ```
 */
export async function describeTree(options?: TreeOptions): Promise<ActorTree>
/** Describes an actor anywhere in the mesh, and what is alive below it. */
export async function describeTree(actor: Portal, options?: TreeOptions): Promise<ActorTree>
export async function describeTree(
  actorOrOptions: Portal | TreeOptions = {},
  optionsOfActor: TreeOptions = {},
): Promise<ActorTree> {
  const actor = actorOrOptions instanceof Portal ? actorOrOptions : undefined
  const { timeoutMs = TREE_TIMEOUT_MS } = actorOrOptions instanceof Portal ? optionsOfActor : actorOrOptions
  checkTreeTimeout(timeoutMs)
  if (actor !== undefined) return (await actor.call(builtinId('tree'), timeoutMs)) as ActorTree
  return await describeActor(currentRuntime(), { timeoutMs, children: MAX_TREE_CHILDREN })
}

/** Describes an actor of this process and what is below it. */
export async function describeActor(runtime: ActorRuntime, bounds: TreeBounds): Promise<ActorTree> {
  const { actor, scope } = runtime
  const waits = waitsOf(runtime)
  const serves = servesOf(runtime)
  const nurseries = runtime.nurseries()
  let room = bounds.entries ?? MAX_TREE_ALL_ENTRIES
  const shownWaits = waits.slice(0, Math.min(MAX_TREE_ENTRIES, room))
  room -= shownWaits.length
  const shownServes = serves.slice(0, Math.min(MAX_TREE_ENTRIES, room))
  room -= shownServes.length
  return {
    name: actor.name,
    id: actor.id,
    pid: process.pid,
    at: Date.now(),
    since: runtime.startedAt,
    cancelled: cancelOf(scope.reason),
    waits: shownWaits,
    serves: shownServes,
    nurseries: await describeNurseries(nurseries.slice(0, MAX_TREE_ENTRIES), { ...bounds, entries: room }),
    leftOut:
      waits.length -
      shownWaits.length +
      serves.length -
      shownServes.length +
      Math.max(0, nurseries.length - MAX_TREE_ENTRIES),
  }
}

function waitsOf({ rpc }: ActorRuntime): Wait[] {
  const since = wallClock()
  const calls = rpc.underWay().made.map((call): Wait => ({
    what: brief(`calling ${call.functionId} in ${call.actor.name}`),
    since: since(call.since),
    actor: { name: call.actor.name, id: call.actor.id },
  }))
  const waits = namedWaits().map((wait): Wait => ({ what: brief(wait.what), since: since(wait.since) }))
  return [...calls, ...waits].toSorted((a, b) => a.since - b.since)
}

function servesOf({ rpc, discovery }: ActorRuntime): ServedCall[] {
  const since = wallClock()
  return rpc
    .underWay()
    .served.map((call): ServedCall => {
      const name = discovery.state.registry.get(call.peer)?.name ?? ''
      return { functionId: brief(call.functionId), caller: { name, id: call.peer }, since: since(call.since) }
    })
    .toSorted((a, b) => a.since - b.since)
}

/** What may be told of is shared out: to the own children first, then in equal parts to those who have some. */
async function describeNurseries(nurseries: readonly LiveNursery[], bounds: TreeBounds): Promise<NurseryTree[]> {
  let room = bounds.children
  let entries = bounds.entries ?? MAX_TREE_ALL_ENTRIES
  const chosen = nurseries.map((nursery) => {
    const alive = nursery.books.alive()
    const shown = alive.slice(0, room)
    room -= shown.length
    const ended = nursery.books.ended(Math.min(MAX_TREE_ENDED, entries))
    entries -= ended.length
    return { nursery, shown, ended, leftOut: alive.length - shown.length }
  })
  const asked = chosen.reduce((sum, { shown }) => sum + shown.filter(({ carried }) => carried !== undefined).length, 0)
  const share = (rest: number): number => Math.floor(rest / Math.max(1, asked))
  const below = { timeoutMs: bounds.timeoutMs, children: share(room), entries: share(entries) }
  return await Promise.all(
    chosen.map(async ({ nursery: { books, scope }, shown, ended, leftOut }) => ({
      since: books.startedAt,
      cancelled: cancelOf(scope.reason),
      children: await Promise.all(shown.map(async (page) => await describeChild(page, below))),
      ended: ended.map(describeEnded),
      leftOut,
    })),
  )
}

async function describeChild(page: ChildPage, bounds: TreeBounds): Promise<ChildTree> {
  const { name, id, kind, outcome, pid, host, startMethod, startedAt, restartCount, restarts } = page.read()
  const last = restarts.at(-1)
  const child: ChildTree = {
    name: brief(name),
    id,
    kind,
    // It may have ended a moment ago.
    outcome: outcome === 'starting' || outcome === 'restarting' ? outcome : 'running',
    pid,
    host,
    startMethod,
    since: startedAt,
    restarts: restartCount,
    ...(last === undefined ? {} : { lastRestart: { ...last, why: brief(last.why) } }),
  }
  if (page.carried === undefined || outcome !== 'running') return child
  try {
    return { ...child, actor: await page.carried.describe(bounds) }
  } catch (error) {
    return { ...child, silent: brief(error instanceof Error ? error.message : String(error)) }
  }
}

function describeEnded({ report, why }: EndedPage): EndedChild {
  const { name, id, kind, startedAt, endedAt = startedAt, outcome, restartCount } = report
  return {
    name: brief(name),
    id,
    kind,
    since: startedAt,
    endedAt,
    outcome: outcome === 'done' || outcome === 'cancelled' ? outcome : 'failed',
    why: why === undefined ? undefined : brief(why),
    restarts: restartCount,
  }
}

/** What the actors below an actor get of its bounds. */
export function boundsBelow({ timeoutMs, ...others }: TreeBounds): TreeBounds {
  return { timeoutMs: timeoutMs * SHARE_BELOW, ...others }
}

function cancelOf(reason: Cancelled | undefined): string | undefined {
  return reason === undefined ? undefined : brief(whyCancelled(reason))
}

function brief(text: string): string {
  return text.length > MAX_TREE_TEXT ? `${text.slice(0, MAX_TREE_TEXT - 1)}…` : text
}
