import type { Cancelled } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { Carrier, Ladder } from './carrier.ts'
import { type StepName, whyCancelled } from './report.ts'

const log = areaLog('nursery')

/**
 * The ladder of a process or thread below this one: request → grace → SIGTERM → a quarter of the grace → SIGKILL. The quarter
 * counts from when SIGTERM was sent, however late that was.
 */
export class OwnLadder implements Ladder {
  readonly #name: string
  readonly #carrier: Carrier
  readonly #onStep: (step: StepName, why: string) => void
  #graceMs: number
  #timer: NodeJS.Timeout | undefined
  #descending: 'no' | 'grace' | 'force' = 'no'

  /** @param onStep hears what is done to end it */
  constructor(name: string, carrier: Carrier, graceMs: number, onStep: (step: StepName, why: string) => void) {
    this.#name = name
    this.#carrier = carrier
    this.#graceMs = graceMs
    this.#onStep = onStep
  }

  end(reason: Cancelled, isUp: boolean): void {
    if (!isUp || this.#graceMs === 0) {
      this.kill(whyCancelled(reason))
      return
    }
    this.#onStep('cancel', whyCancelled(reason))
    this.#carrier.send({ type: 'cancel', by: reason.by, why: reason.why })
    this.descend()
  }

  descend(): void {
    if (this.#carrier.gone || this.#descending !== 'no') return
    this.#descending = 'grace'
    const graceMs = this.#graceMs
    this.#stepAfter(graceMs, 'SIGTERM', `it has not ended within ${graceMs} ms`, () => {
      this.#descending = 'force'
      const quarterMs = Math.ceil(this.#graceMs / 4)
      this.#stepAfter(quarterMs, 'SIGKILL', `it has not ended within ${quarterMs} ms of SIGTERM`)
    })
  }

  kill(why: string): void {
    this.#force('SIGKILL', why)
  }

  hurry(graceMs: number): void {
    if (graceMs >= this.#graceMs) return
    this.#graceMs = graceMs
    if (this.#descending !== 'grace') return
    clearTimeout(this.#timer)
    this.#descending = 'no'
    this.descend()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #stepAfter(ms: number, signal: 'SIGTERM' | 'SIGKILL', why: string, next?: () => void): void {
    const step = (): void => {
      if (this.#carrier.gone) return
      log.warn(`${this.#name}: ${why}: ${signal}`)
      this.#force(signal, why)
      next?.()
    }
    // A parent that was starved meanwhile hears of exits first, and uses no force against who is gone.
    this.#timer = setTimeout(() => setImmediate(step), ms)
  }

  #force(signal: 'SIGTERM' | 'SIGKILL', why: string): void {
    if (this.#carrier.kill(signal)) this.#onStep(signal, why)
  }
}
