import { isDeepStrictEqual } from 'node:util'
import type { ActorEvents } from '../node/actor-events.ts'
import { LimitExceeded } from '../node/errors.ts'
import type { LogBook } from '../node/log-book.ts'
import {
  isSomething,
  isWanted,
  latestOf,
  type Observed,
  readObserved,
  type RecallBounds,
  unionOf,
  type Wish,
} from './observed.ts'
import { ObservedQueue } from './observed-queue.ts'

/** Observers of one actor at a time. */
export const MAX_OBSERVERS = 64
/** A child that is up, to observe. */
export interface Observable {
  /** Changes what is passed up from now on. */
  observe(wish: Wish): void
  /** What it, and those below it, remember. @throws Error when it does not answer in time */
  recall(bounds: RecallBounds): Promise<readonly Observed[]>
}

/** One who observes. */
interface Sink {
  readonly wish: Wish
  /** Whether what happens in the actors below is wanted as well. */
  readonly below: boolean
  push(item: Observed): void
}

const NOTHING = unionOf([])

/**
 * What happens in an actor and below it, for those who want to hear: each actor passes up over the private channel what
 * somebody above has asked for. While nobody observes, nothing is sent, and events cost being kept.
 */
export class Observation {
  readonly #events: ActorEvents
  readonly #book: LogBook
  readonly #sinks = new Set<Sink>()
  readonly #children = new Set<Observable>()
  #parent: Sink | undefined
  #unlisten: (() => void) | undefined
  #unread: (() => void) | undefined
  /** What was asked of the children. */
  #asked: Wish = NOTHING

  constructor(events: ActorEvents, book: LogBook) {
    this.#events = events
    this.#book = book
  }

  /** Observers that there are, the parent not among them. */
  get observers(): number {
    return this.#sinks.size - (this.#parent === undefined ? 0 : 1)
  }

  /** A child is up. Gives the function that says that it has ended. */
  add(child: Observable): () => void {
    this.#children.add(child)
    if (isSomething(this.#asked)) child.observe(this.#asked)
    return () => this.#children.delete(child)
  }

  /** What a child has passed up. */
  fromBelow(told: readonly unknown[]): void {
    const items = readBelow(told)
    for (const sink of this.#sinks)
      if (sink.below) for (const item of items) if (isWanted(item, sink.wish)) sink.push(item)
  }

  /** The parent wants to hear, or no longer. */
  passUp(wish: Wish, push: (item: Observed) => void): void {
    if (this.#parent !== undefined) this.#sinks.delete(this.#parent)
    this.#parent = isSomething(wish) ? { wish, below: true, push } : undefined
    if (this.#parent !== undefined) this.#sinks.add(this.#parent)
    this.#update()
  }

  /**
   * What happens from now on, until its consumer leaves; one that lags behind is told how much it has missed.
   *
   * @throws LimitExceeded above {@link MAX_OBSERVERS}
   */
  observe(wish: Wish, below: boolean): ObservedQueue {
    if (this.observers >= MAX_OBSERVERS)
      throw new LimitExceeded('MAX_OBSERVERS', `${MAX_OBSERVERS} observers of this actor are there already`)
    const queue = new ObservedQueue(() => {
      this.#sinks.delete(sink)
      this.#update()
    })
    const sink: Sink = { wish, below, push: (item) => queue.push(item) }
    this.#sinks.add(sink)
    this.#update()
    return queue
  }

  /** What this actor and those below remember, the oldest first; who does not answer in time is passed over. */
  async recall(bounds: RecallBounds, alsoBelow = true): Promise<Observed[]> {
    const own: Observed[] = [
      ...(bounds.events ? this.#events.recent().map((event) => ({ event })) : []),
      ...this.#book.recent().map((line) => ({ line })),
    ].filter((item) => isWanted(item, bounds))
    const children = alsoBelow ? [...this.#children] : []
    const share = { ...bounds, timeoutMs: bounds.timeoutMs * 0.75 }
    const others = await Promise.all(
      children.map(async (child) => await child.recall(share).catch((): readonly Observed[] => [])),
    )
    return latestOf([...own, ...readBelow(others.flat())], bounds.items)
  }

  #update(): void {
    const wishes = [...this.#sinks]
    const own = unionOf(wishes.map(({ wish }) => wish))
    if (own.events) this.#unlisten ??= this.#events.listen((event) => this.#tell({ event }))
    else {
      this.#unlisten?.()
      this.#unlisten = undefined
    }
    if (own.level !== 'silent') this.#unread ??= this.#book.read((line) => this.#tell({ line }))
    else {
      this.#unread?.()
      this.#unread = undefined
    }
    const asked = unionOf(wishes.filter(({ below }) => below).map(({ wish }) => wish))
    if (isDeepStrictEqual(asked, this.#asked)) return
    this.#asked = asked
    for (const child of this.#children) child.observe(asked)
  }

  #tell(item: Observed): void {
    for (const sink of this.#sinks) if (isWanted(item, sink.wish)) sink.push(item)
  }
}

/** What a child tells of itself and those below; of the mesh it tells nothing that its parent does not learn. */
function readBelow(told: readonly unknown[]): Observed[] {
  return told.flatMap((item) => readObserved(item) ?? []).filter((item) => !('discovery' in item))
}
