import { now, startTimer, stopTimer } from '../node/clock.ts'
import { Cancelled, describeError, TooManyRestarts } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { NurserySettings } from './nursery-options.ts'
import type { ChildPage } from './report.ts'
import {
  affected,
  backoffMs,
  countRestart,
  type ExitKind,
  nextAttempt,
  type Restart,
  type RestartStrategy,
  shouldRestart,
} from './restart-policy.ts'

/** How a child ended. */
export interface ChildExit {
  readonly kind: ExitKind
  /** What ended it, when that was abnormal: anything can be thrown. */
  readonly error?: unknown
}

/** What a supervisor restarts. */
export interface Supervised {
  readonly name: string
  readonly restart: Restart
  readonly page: ChildPage
  /** Starts it and resolves when it is up. `onExit` is called once after that, unless `stop` was called before. */
  start(onExit: (exit: ChildExit) => void): Promise<void>
  /** Ends it, whether it is up or still starting; resolves when it is gone. @throws what it raised in answer */
  stop(reason: Cancelled): Promise<void>
  /** It has ended for good. */
  finished(exit: ChildExit): void
}

interface Slot {
  readonly child: Supervised
  readonly restart: Restart
  readonly done: PromiseWithResolvers<void>
  /** `new` until it is up for the first time: no restart of others takes it along. */
  state: 'new' | 'starting' | 'up' | 'down' | 'finished'
  /** Counts starts: what is heard of an earlier incarnation is old. */
  incarnation: number
  startedAt: number
  attempt: number
  /** Of the failures of this child alone, one after another; only for strategies that treat children one by one. */
  line: Promise<void>
}

export interface SupervisorOptions {
  /** Name of the actor that supervises, for reasons. */
  readonly actor: string
  readonly settings: NurserySettings & { readonly strategy: RestartStrategy }
  /** Called once when no more restarts are allowed. */
  readonly onGiveUp: (error: TooManyRestarts) => void
  /** Hears what a child raised while it was ended for the end of the nursery. */
  readonly onFailure: (error: unknown) => void
}

const log = areaLog('nursery')
const isStarting = ({ state }: Slot): boolean => state === 'starting' || state === 'new'

/** Keeps children running, as Erlang/OTP's `supervisor` does: carries out what `restart-policy.ts` decides. */
export class Supervisor {
  readonly #options: SupervisorOptions
  /** In the order of their starts. */
  readonly #slots: Slot[] = []
  readonly #closing = Promise.withResolvers<void>()
  #restarts: readonly number[] = []
  #line = Promise.resolve()
  #reason: Cancelled | undefined
  #gaveUp = false

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  /**
   * Starts a child that is restarted from then on; gives the promise of its end for good.
   *
   * @throws what its first start failed with: that one is not retried
   */
  async add(child: Supervised): Promise<{ readonly done: Promise<void> }> {
    const slot: Slot = {
      child,
      restart: child.restart,
      done: Promise.withResolvers(),
      state: 'new',
      incarnation: 0,
      startedAt: 0,
      attempt: 0,
      line: Promise.resolve(),
    }
    this.#slots.push(slot)
    try {
      await this.#start(slot)
    } catch (error) {
      this.#finish(slot, { kind: 'abnormal', error })
      throw error
    }
    return { done: slot.done.promise }
  }

  /** Ends all children, the one that was started last first, each before the next one; resolves when all are gone. */
  async close(reason: Cancelled): Promise<void> {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#closing.resolve()
    const all = this.#slots.toReversed()
    // Who is not up yet has nothing to clean up, and nobody to wait for.
    const starting = all.filter(isStarting).map((slot) => this.#stopForGood(slot, reason))
    for (const slot of all) await this.#stopForGood(slot, reason)
    await Promise.all(starting)
  }

  async #stopForGood(slot: Slot, reason: Cancelled): Promise<void> {
    if (slot.state === 'finished') return
    try {
      if (slot.state !== 'down') await slot.child.stop(reason)
      this.#finish(slot, { kind: 'shutdown' })
    } catch (error) {
      this.#failed(slot, error)
      this.#finish(slot, { kind: 'abnormal', error })
    }
  }

  /** While the nursery ends: of a temporary child that is no more the nursery's failure than at any other time. */
  #failed({ restart, child }: Slot, error: unknown): void {
    if (restart === 'temporary') log.warn(`${child.name} failed while its nursery ended: ${describeError(error)}`)
    else this.#options.onFailure(error)
  }

  async #start(slot: Slot): Promise<void> {
    const incarnation = ++slot.incarnation
    if (slot.state === 'down') slot.state = 'starting'
    slot.startedAt = now()
    try {
      await slot.child.start((exit) => {
        if (slot.incarnation === incarnation) this.#ended(slot, exit)
      })
      if (isStarting(slot)) slot.state = 'up'
    } catch (error) {
      if (isStarting(slot)) slot.state = 'down'
      throw error
    }
  }

  #ended(slot: Slot, exit: ChildExit): void {
    if (slot.state === 'finished') return
    slot.state = 'down'
    const { incarnation } = slot
    if (this.#reason !== undefined) {
      // It ended by itself before its turn had come.
      if (exit.kind === 'abnormal') this.#failed(slot, exit.error)
      this.#finish(slot, exit)
      return
    }
    const handle = async (): Promise<void> => {
      // A restart of others may have taken it along meanwhile.
      if (slot.incarnation === incarnation && slot.state === 'down') await this.#restart(slot, exit)
    }
    // Children that are independent of each other do not wait for each other's backoff.
    if (this.#options.settings.strategy === 'one-for-one') slot.line = slot.line.then(handle)
    else this.#line = this.#line.then(handle)
  }

  /** Restarts a child, and those that its strategy says, until all of them are up, nobody may be, or the end has come. */
  async #restart(ended: Slot, exit: ChildExit): Promise<void> {
    const { settings, actor } = this.#options
    for (let failed: { slot: Slot; exit: ChildExit } | undefined = { slot: ended, exit }; failed !== undefined;) {
      const { slot, exit: how } = failed
      if (this.#reason !== undefined || this.#gaveUp) return
      if (!shouldRestart(slot.restart, how.kind)) {
        if (how.kind === 'abnormal') log.warn(`${slot.child.name} is not restarted: ${describeError(how.error)}`)
        return this.#finish(slot, how)
      }
      const at = now()
      const counted = countRestart(this.#restarts, at, settings.maxRestarts, settings.withinMs)
      if (counted === undefined) return this.#giveUp(slot, how)
      this.#restarts = counted
      slot.attempt = nextAttempt(slot.attempt, at - slot.startedAt, settings.withinMs)
      const { firstMs, maxMs } = settings.backoff
      const delayMs = backoffMs(slot.attempt, firstMs, maxMs, Math.random())
      const why = whyRestarted(slot.child, how)
      log.warn(`${slot.child.name} is restarted in ${Math.round(delayMs)} ms: ${why}`)
      slot.child.page.restart(why, delayMs)
      const known = this.#slots.filter(({ state }) => state !== 'new')
      const group = affected(settings.strategy, known, slot)
      await this.#stopForRestart(group.stop, new Cancelled(actor, `it is restarted with ${slot.child.name}`), delayMs)
      await this.#pause(delayMs)
      failed = await this.#startInOrder(group.start)
    }
  }

  async #stopForRestart(slots: readonly Slot[], reason: Cancelled, delayMs: number): Promise<void> {
    for (const slot of slots) {
      if (this.#reason !== undefined) return
      if (slot.state === 'up') {
        await slot.child.stop(reason).catch((error: unknown) => {
          log.warn(`${slot.child.name} failed while it was ended for a restart: ${describeError(error)}`)
        })
        if (slot.restart !== 'temporary') slot.child.page.restart(reason.why, delayMs)
      }
      if (slot.state !== 'finished') slot.state = 'down'
      if (slot.restart === 'temporary') this.#finish(slot, { kind: 'shutdown' })
    }
  }

  /** @returns the first that did not start, with why */
  async #startInOrder(slots: readonly Slot[]): Promise<{ slot: Slot; exit: ChildExit } | undefined> {
    for (const slot of slots) {
      if (this.#reason !== undefined) return undefined
      if (slot.state !== 'down') continue
      try {
        await this.#start(slot)
      } catch (error) {
        return { slot, exit: { kind: 'abnormal', error } }
      }
    }
    return undefined
  }

  /** Without a backoff as well, others get their turn between two restarts. */
  async #pause(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = startTimer(ms, over.resolve)
    await Promise.race([over.promise, this.#closing.promise])
    stopTimer(timer)
  }

  #giveUp(slot: Slot, exit: ChildExit): void {
    this.#gaveUp = true
    const { maxRestarts, withinMs } = this.#options.settings
    this.#finish(slot, exit)
    this.#options.onGiveUp(
      new TooManyRestarts(
        slot.child.name,
        maxRestarts,
        withinMs,
        exit.kind === 'abnormal' ? { cause: exit.error } : {},
      ),
    )
  }

  #finish(slot: Slot, exit: ChildExit): void {
    if (slot.state === 'finished') return
    slot.state = 'finished'
    const at = this.#slots.indexOf(slot)
    if (at >= 0) this.#slots.splice(at, 1)
    slot.child.finished(exit)
    slot.done.resolve()
  }
}

function whyRestarted({ page: { asked } }: Supervised, { kind, error }: ChildExit): string {
  if (kind === 'abnormal') return describeError(error)
  return kind === 'shutdown' && asked !== undefined ? `it was asked to end by ${asked}` : `it ended (${kind})`
}
