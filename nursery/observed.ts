import { type ActorEvent, MAX_EVENT_TEXT } from '../node/actor-events.ts'
import type { ActorRef } from '../node/errors.ts'
import { LOG_LEVELS, type LogLevel } from '../node/log.ts'
import type { DiscoveryEvent } from '../discovery/events.ts'
import { type LogLine, MAX_LINE_TEXT } from '../node/log-book.ts'

/** What somebody wants to hear of. */
export interface Wish {
  readonly events: boolean
  /** Lines from this level on; `silent` for none. */
  readonly level: LogLevel
  /** Names or peer ids of the actors that are meant; missing for all. */
  readonly actors?: readonly string[]
  /** Those whose lines are meant, where events of more actors are; missing for the same. */
  readonly lineActors?: readonly string[]
}

/** Actors that one observer can name. */
export const MAX_NAMED_ACTORS = 64

/** What an observer asks to hear. */
export interface ObserveRequest extends Wish {
  /** Whether from the actors below as well. */
  readonly below: boolean
  /** Items of what was before, 0 to 1,000. */
  readonly recent: number
  /** Whether also what the actor learns of the mesh. */
  readonly discovery: boolean
}

/** Something that was observed: what happened, a line of a log, or how many of them were lost on their way. */
export type Observed =
  | { readonly event: ActorEvent }
  | { readonly line: LogLine }
  /** What one actor has learnt of the mesh. */
  | { readonly discovery: DiscoveryEvent }
  | { readonly missed: number }

/** How much of what was before is asked for, and how long that may take. */
export interface RecallBounds extends Wish {
  /** Items in all, the latest ones. */
  readonly items: number
  readonly timeoutMs: number
}

/** Items that can be asked for of what was before, and characters of their texts. */
export const MAX_RECALLED_ITEMS = 1_000
export const MAX_RECALLED_CHARACTERS = 1024 * 1024

export function isSomething({ events, level }: Wish): boolean {
  return events || level !== 'silent'
}

/** All that any of them wants. */
export function unionOf(wishes: readonly Wish[]): Wish {
  const ranks = wishes.map(({ level }) => LOG_LEVELS.indexOf(level))
  const rank = Math.min(LOG_LEVELS.indexOf('silent'), ...ranks)
  const actors = namesOf(wishes.map((wish) => wish.actors))
  // who follows the log of one actor and the events of all is not to have all of them pass up their lines
  const lineActors = namesOf(
    wishes.filter((wish) => wish.level !== 'silent').map((wish) => wish.lineActors ?? wish.actors),
  )
  return {
    events: wishes.some(({ events }) => events),
    level: LOG_LEVELS[rank] ?? 'silent',
    ...(actors === undefined ? {} : { actors }),
    ...(actors === undefined && lineActors !== undefined && lineActors.length > 0 ? { lineActors } : {}),
  }
}

/** All that are named; nothing when all are meant, or too many. */
function namesOf(lists: readonly (readonly string[] | undefined)[]): string[] | undefined {
  const named = new Set(lists.flatMap((list) => list ?? []))
  return named.size > MAX_NAMED_ACTORS || lists.includes(undefined) ? undefined : [...named].sort()
}

/** An item as another process tells it, when it is one: others may have another version, or mean ill. */
export function readObserved(item: unknown): Observed | undefined {
  if (typeof item !== 'object' || item === null) return undefined
  const { event, line, discovery, missed } = item as Record<string, Record<string, unknown> | undefined>
  if (isTold(event)) {
    const { child, target, why, what } = event
    const about = event['type'] === 'act' ? target : child
    if (!isRef(about) || !isText(why, MAX_EVENT_TEXT) || !isText(what, MAX_EVENT_TEXT)) return undefined
    return { event: event as unknown as ActorEvent }
  }
  if (isTold(line)) {
    const isLine = typeof line['text'] === 'string' && isText(line['text'], MAX_LINE_TEXT)
    return isLine && LOG_LEVELS.includes(line['level'] as LogLevel) ? { line: line as unknown as LogLine } : undefined
  }
  if (typeof discovery === 'object' && discovery !== null && typeof discovery['at'] === 'number')
    return { discovery: discovery as unknown as DiscoveryEvent }
  return Number.isSafeInteger(missed) && Number(missed) > 0 ? { missed: Number(missed) } : undefined
}

function isTold(value: Record<string, unknown> | undefined): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  return typeof value['at'] === 'number' && typeof value['seq'] === 'number' && isRef(value['actor'])
}

function isRef(value: unknown): value is ActorRef {
  if (typeof value !== 'object' || value === null) return false
  const { name, id } = value as Record<string, unknown>
  return typeof name === 'string' && typeof id === 'string' && name.length + id.length <= MAX_EVENT_TEXT
}

function isText(value: unknown, most: number): boolean {
  return value === undefined || (typeof value === 'string' && value.length <= most)
}

/** What was lost is told to everybody. */
export function isWanted(item: Observed, { events, level, actors, lineActors = actors }: Wish): boolean {
  if ('event' in item) return events && (actors === undefined || isAbout(item.event, actors))
  if (!('line' in item)) return true
  const { line } = item
  if (LOG_LEVELS.indexOf(line.level) < LOG_LEVELS.indexOf(level)) return false
  return lineActors === undefined || isOneOf(line.actor, lineActors)
}

function isAbout(event: ActorEvent, actors: readonly string[]): boolean {
  const about = event.type === 'act' ? event.target : event.child
  return isOneOf(event.actor, actors) || isOneOf(about, actors)
}

export function isOneOf({ name, id }: ActorRef, actors: readonly string[]): boolean {
  return actors.includes(name) || actors.includes(id)
}

/** The latest of them in the order of their times. */
export function latestOf(items: readonly Observed[], count: number): Observed[] {
  const inOrder = items.toSorted((a, b) => timeOf(a) - timeOf(b))
  let characters = 0
  let first = inOrder.length
  while (first > 0 && inOrder.length - first < count) {
    characters += sizeOf(inOrder[first - 1]!)
    if (characters > MAX_RECALLED_CHARACTERS) break
    first -= 1
  }
  return inOrder.slice(first)
}

/** What tells an item from all others; nothing for what is none. */
export function keyOf(item: Observed): string | undefined {
  if ('event' in item) return `e ${item.event.actor.id} ${item.event.seq}`
  return 'line' in item ? `l ${item.line.actor.id} ${item.line.seq}` : undefined
}

/** Characters that it takes, roughly: its texts are what can be large. */
export function sizeOf(item: Observed): number {
  if ('line' in item) return SMALL + item.line.text.length
  if (!('event' in item)) return SMALL
  const { event } = item
  return SMALL + ('why' in event ? (event.why?.length ?? 0) : 0) + ('what' in event ? (event.what?.length ?? 0) : 0)
}

/** Characters of all that is short in an item. */
const SMALL = 200

export function timeOf(item: Observed): number {
  if ('event' in item) return item.event.at
  if ('discovery' in item) return item.discovery.at
  return 'line' in item ? item.line.at : 0
}
