import type { ActorRef } from './errors.ts'

/** Events that an actor keeps, for those who come later; the oldest gives way. */
export const MAX_KEPT_EVENTS = 256
/** Characters of each text of an event. */
export const MAX_EVENT_TEXT = 1_000

/** Who has acted on an actor from outside of it: the peer id is that of the connection that the wish came over. */
export interface Actant extends ActorRef {
  /** The name is what the peer calls itself: it observes the mesh and is no actor that others know. */
  readonly observer: boolean
}

/** What somebody did by hand. */
export type Act = 'cancel' | 'kill' | 'call' | 'logLevel'

/** What happened in an actor, as it tells it itself. */
export type ActorFact =
  /** A child is up: a process or thread that is an actor. */
  | {
      readonly type: 'spawned'
      readonly child: ActorRef
      readonly kind: 'actor' | 'one-shot'
      readonly pid: number | undefined
      readonly startMethod: string | undefined
      /** How often it was restarted before. */
      readonly restarts: number
    }
  /** A child that failed is started again after some milliseconds. */
  | { readonly type: 'restarting'; readonly child: ActorRef; readonly why: string; readonly delayMs: number }
  /** Force is used against a child that does not end. */
  | {
      readonly type: 'forced'
      readonly child: ActorRef
      readonly signal: 'SIGTERM' | 'SIGKILL'
      readonly why: string
    }
  /** A child has ended for good: by itself, because somebody asked for it, or by an error. */
  | {
      readonly type: 'ended'
      readonly child: ActorRef
      readonly kind: 'actor' | 'one-shot' | 'task'
      readonly outcome: 'done' | 'cancelled' | 'failed'
      readonly why: string | undefined
    }
  /** Somebody acted by hand: `what` is the function, or the level. */
  | {
      readonly type: 'act'
      readonly act: Act
      readonly by: Actant
      readonly target: ActorRef
      readonly what?: string
      readonly why?: string
    }

/** Something that happened in an actor; plain data. */
export type ActorEvent = {
  /** Milliseconds since 1970, by the clock of its machine. */
  readonly at: number
  /** In which actor. */
  readonly actor: ActorRef
  /** Counts the events of the actor from 1 on. */
  readonly seq: number
} & ActorFact

/** What happens in one actor: kept for a while, and told to those who listen. */
export class ActorEvents {
  readonly #actor: ActorRef
  readonly #kept: ActorEvent[] = []
  readonly #counts = new Map<ActorFact['type'], number>()
  #told = 0
  readonly #listeners = new Set<(event: ActorEvent) => void>()

  constructor({ name, id }: ActorRef) {
    this.#actor = { name, id }
  }

  emit(fact: ActorFact): void {
    const event: ActorEvent = { at: Date.now(), actor: this.#actor, seq: ++this.#told, ...fact }
    this.#counts.set(fact.type, this.count(fact.type) + 1)
    this.#kept.push(event)
    if (this.#kept.length > MAX_KEPT_EVENTS) this.#kept.shift()
    for (const listener of this.#listeners) listener(event)
  }

  /** How many of one type there were since the actor started. */
  count(type: ActorFact['type']): number {
    return this.#counts.get(type) ?? 0
  }

  /** The latest ones, the oldest first. */
  recent(): readonly ActorEvent[] {
    return [...this.#kept]
  }

  /** Gives the function that unlinks. */
  listen(listener: (event: ActorEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** A text as an event tells it. */
export function eventText(text: string): string {
  return text.length > MAX_EVENT_TEXT ? `${text.slice(0, MAX_EVENT_TEXT - 1)}…` : text
}
