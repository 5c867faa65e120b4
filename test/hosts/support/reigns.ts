import type { Discovery } from '../../../discovery/discovery.ts'
import { monotonic, type ReignSpan } from './sight.ts'

/** Milliseconds between two looks at the own lease. */
const LOOK_MS = 25

/** Writes down for which times this process held the lease of an arbiter. */
export class Reigns {
  readonly #discovery: Discovery
  readonly #spans: { term: number; from: number; until: number }[] = []
  readonly #timer: NodeJS.Timeout
  readonly #unlisten: () => void

  constructor(discovery: Discovery) {
    this.#discovery = discovery
    this.#timer = setInterval(() => this.#look(), LOOK_MS)
    this.#unlisten = discovery.onEvent(() => this.#look())
    this.#look()
  }

  spans(): readonly ReignSpan[] {
    this.#look()
    return this.#spans
  }

  close(): void {
    clearInterval(this.#timer)
    this.#unlisten()
  }

  #look(): void {
    const { reign } = this.#discovery.state.election
    const now = monotonic()
    const last = this.#spans.at(-1)
    if (reign === undefined) {
      // it may have given its office up before its lease ran out
      if (last !== undefined) last.until = Math.min(last.until, now)
      return
    }
    const until = now + reign.leaseUntil - performance.now()
    const { term } = reign.token
    if (last?.term === term) last.until = until
    else {
      if (last !== undefined) last.until = Math.min(last.until, now)
      this.#spans.push({ term, from: now, until })
    }
  }
}
