import { type ActorFact, eventText } from '../node/actor-events.ts'
import type { ActorRef, Cancelled } from '../node/errors.ts'
import type { Describable } from './actor-tree.ts'
import type { StartMethod } from './start-method.ts'

/** Children that a report tells of; of more, those that ended first are forgotten. */
export const MAX_REPORTED_CHILDREN = 1_000
/** Steps, and restarts, that a report remembers for one child: the latest ones. */
export const MAX_REPORTED_STEPS = 32
/** Characters of a reason in a report. */
export const MAX_REPORTED_TEXT = 1_000

/** Reports that are tied to one error on its way through nested nurseries: the latest ones. */
export const MAX_REPORTS_OF_ERROR = 64

/** What was done to end a process; `cancel` asks, the signals force. */
export type StepName = 'cancel' | 'SIGTERM' | 'SIGKILL'

export interface Step {
  readonly step: StepName
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Why a cancel was asked for, or the force that was used. */
  readonly why: string
}

export interface Restarted {
  /** Milliseconds since the epoch, when the child was down and its restart was decided. */
  readonly at: number
  readonly why: string
  /** Milliseconds of backoff before its start. */
  readonly delayMs: number
}

/** What became of one child of a nursery. */
export interface ChildReport {
  readonly name: string
  readonly kind: 'actor' | 'one-shot' | 'task'
  /** Peer id; of a restarted actor, that of its latest incarnation; empty for tasks and before it was up. */
  readonly id: string
  readonly pid: number | undefined
  /** The host peer that it runs below; missing for what runs below its nursery's own process. */
  readonly host: ActorRef | undefined
  /** Missing for tasks. */
  readonly startMethod: StartMethod | undefined
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  readonly endedAt: number | undefined
  /**
   * `done`: by itself, without an error; `cancelled`: somebody asked it to end; `failed`: it raised or died, `error`
   * says how.
   */
  readonly outcome: 'starting' | 'running' | 'restarting' | 'done' | 'cancelled' | 'failed'
  readonly error: string | undefined
  /** The ladder, as far as it was needed, over all incarnations; the latest {@link MAX_REPORTED_STEPS}. */
  readonly steps: readonly Step[]
  /** How often it was restarted. */
  readonly restartCount: number
  /** The latest {@link MAX_REPORTED_STEPS}. */
  readonly restarts: readonly Restarted[]
}

/** What a nursery did to whom: readable while it runs and after it has ended. */
export interface NurseryReport {
  /** Name of the actor that the nursery ran in. */
  readonly actor: string
  readonly startedAt: number
  readonly endedAt: number | undefined
  /** In the order of their starts. */
  readonly children: readonly ChildReport[]
  /** How many children the report has forgotten, or never told of. */
  readonly forgotten: number
}

type Outcome = ChildReport['outcome']
type Tell = (fact: ActorFact) => void

/** A child that has ended, and what it has ended by. */
export interface EndedPage {
  readonly report: ChildReport
  readonly why: string | undefined
}

/** The page of one child. */
export class ChildPage {
  readonly #kind: ChildReport['kind']
  readonly #name: string
  readonly #startedAt = Date.now()
  readonly #steps: Step[] = []
  readonly #restarts: Restarted[] = []
  #restartCount = 0
  #id = ''
  #pid: number | undefined
  #host: ActorRef | undefined
  #startMethod: StartMethod | undefined
  #carried: Describable | undefined
  #endedAt: number | undefined
  #outcome: Outcome = 'starting'
  #error: string | undefined
  /** By whom and why it was last asked, or forced, to end. */
  #asked: string | undefined
  readonly #tell: Tell

  /** @param tell hears what happens to the child */
  constructor(kind: ChildReport['kind'], name: string, tell: Tell = () => {}) {
    this.#kind = kind
    this.#name = name
    this.#tell = tell
  }

  get #child(): ActorRef {
    return { name: this.#name, id: this.#id }
  }

  get ended(): boolean {
    return this.#endedAt !== undefined
  }

  /** Milliseconds since 1970; 0 before. */
  get endedAt(): number {
    return this.#endedAt ?? 0
  }

  /** What it has ended by: its error, or who wanted it to end and why. */
  get why(): string | undefined {
    return this.#error ?? (this.#outcome === 'cancelled' ? this.#asked : undefined)
  }

  /** What it is about, as long as it has not ended. */
  get state(): 'starting' | 'running' | 'restarting' {
    return this.#outcome === 'starting' || this.#outcome === 'restarting' ? this.#outcome : 'running'
  }

  /** How often it was restarted. */
  get restartCount(): number {
    return this.#restartCount
  }

  /** The process or thread that it runs in, unless it is a task or has ended. */
  get carried(): Describable | undefined {
    return this.#carried
  }

  spawned(carried: Describable): void {
    this.#pid = carried.pid
    this.#startMethod = carried.startMethod
    this.#carried = carried
  }

  up(id = ''): void {
    this.#id = id
    this.#pid = this.#carried?.pid
    this.#host = this.#carried?.host
    this.#outcome = 'running'
    if (this.#kind === 'task') return
    this.#tell({
      type: 'spawned',
      child: this.#child,
      kind: this.#kind,
      pid: this.#pid,
      startMethod: this.#startMethod,
      restarts: this.#restartCount,
    })
  }

  /** By whom and why it was last asked to end. */
  get asked(): string | undefined {
    return this.#asked
  }

  /** Somebody else than its nursery has asked it to end. */
  askedToEnd(why: string): void {
    this.#asked = brief(why)
  }

  step(step: StepName, why: string): void {
    keepLatest(this.#steps, { step, at: Date.now(), why: brief(why) })
    if (step === 'cancel') this.#asked = brief(why)
    else this.#tell({ type: 'forced', child: this.#child, signal: step, why: eventText(why) })
  }

  restart(why: string, delayMs: number): void {
    this.#restartCount += 1
    this.#outcome = 'restarting'
    keepLatest(this.#restarts, { at: Date.now(), why: brief(why), delayMs: Math.round(delayMs) })
    this.#asked = undefined
    this.#tell({ type: 'restarting', child: this.#child, why: eventText(why), delayMs: Math.round(delayMs) })
  }

  end(outcome: 'done' | 'cancelled' | 'failed', error?: string): void {
    if (this.#endedAt !== undefined) return
    this.#endedAt = Date.now()
    this.#carried = undefined
    this.#outcome = outcome
    this.#error = error === undefined ? undefined : brief(error)
    // tasks come and go by the thousand
    if (this.#kind === 'task' && outcome !== 'failed') return
    this.#tell({ type: 'ended', child: this.#child, kind: this.#kind, outcome, why: this.why })
  }

  read(): ChildReport {
    return {
      name: this.#name,
      kind: this.#kind,
      id: this.#id,
      pid: this.#pid,
      host: this.#host,
      startMethod: this.#startMethod,
      startedAt: this.#startedAt,
      endedAt: this.#endedAt,
      outcome: this.#outcome,
      error: this.#error,
      steps: [...this.#steps],
      restartCount: this.#restartCount,
      restarts: [...this.#restarts],
    }
  }
}

/** The books of one nursery. */
export class Books {
  readonly #actor: string
  readonly startedAt = Date.now()
  readonly #pages = new Set<ChildPage>()
  readonly #tell: Tell
  #forgotten = 0
  #endedAt: number | undefined

  /** @param tell hears what happens to the children */
  constructor(actor: string, tell: Tell = () => {}) {
    this.#actor = actor
    this.#tell = tell
  }

  open(kind: ChildReport['kind'], name: string): ChildPage {
    const page = new ChildPage(kind, name, this.#tell)
    if (this.#pages.size >= MAX_REPORTED_CHILDREN) {
      const oldest = this.#pages.values().find(({ ended }) => ended)
      this.#forgotten += 1
      // Of a child beyond the bound nothing is told when all the others are alive.
      if (oldest === undefined) return page
      this.#pages.delete(oldest)
    }
    this.#pages.add(page)
    return page
  }

  /** Those that have not ended, in the order of their starts. */
  alive(): ChildPage[] {
    return [...this.#pages].filter(({ ended }) => !ended)
  }

  /** Those that have ended and are remembered, the one that ended last first. */
  ended(most: number): EndedPage[] {
    const last = [...this.#pages].filter(({ ended }) => ended).sort((a, b) => b.endedAt - a.endedAt)
    return last.slice(0, most).map((page) => ({ report: page.read(), why: page.why }))
  }

  close(): void {
    this.#endedAt ??= Date.now()
  }

  read(): NurseryReport {
    return {
      actor: this.#actor,
      startedAt: this.startedAt,
      endedAt: this.#endedAt,
      children: [...this.#pages].map((page) => page.read()),
      forgotten: this.#forgotten,
    }
  }
}

const reports = new WeakMap<object, readonly NurseryReport[]>()

/** Ties a report to the error that its nursery ends with; anything can be thrown, and only objects can be tied to. */
export function attachReport(error: unknown, report: NurseryReport): void {
  if ((typeof error !== 'object' || error === null) && typeof error !== 'function') return
  reports.set(error, [...(reports.get(error) ?? []), report].slice(-MAX_REPORTS_OF_ERROR))
}

/**
 * The reports of the nurseries of this process that an error ended, the innermost first: what became of each child,
 * and what was done to end it. Empty for other errors, and for a thrown value that is no object.
 *
 * @param error what `openNursery` threw
 * @example
 * ```ts
 * try {
 *   await openNursery(direct)
 * } catch (error) {
 *   for (const { children } of nurseryReports(error))
 *     for (const { name, outcome, steps } of children) console.error(name, outcome, steps)
 *   throw error
 * }
 * ```
 */
export function nurseryReports(error: unknown): readonly NurseryReport[] {
  return (typeof error === 'object' && error !== null) || typeof error === 'function' ? (reports.get(error) ?? []) : []
}

/** Why somebody was asked to end, in a line. */
export function whyCancelled({ by, why }: Cancelled): string {
  return `${by}: ${why}`
}

function keepLatest<T>(list: T[], entry: T): void {
  list.push(entry)
  if (list.length > MAX_REPORTED_STEPS) list.shift()
}

function brief(text: string): string {
  return text.length > MAX_REPORTED_TEXT ? `${text.slice(0, MAX_REPORTED_TEXT - 1)}…` : text
}
