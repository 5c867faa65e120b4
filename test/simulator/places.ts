import type { Place } from './actor.ts'
import { between, pick } from './rng.ts'
import type { Rng } from './rng.ts'

/** The machines, by name; each has a clock that is wrong in its own way, if clocks are wrong at all. */
export class Places {
  readonly #rng: Rng
  readonly #skewed: boolean
  readonly #places = new Map<string, Place>()

  constructor(rng: Rng, skewed: boolean) {
    this.#rng = rng
    this.#skewed = skewed
  }

  get(name: string): Place {
    let place = this.#places.get(name)
    if (place === undefined) {
      const skew = this.#skewed ? skewOf(this.#rng) : { offset: 0, rate: 1 }
      place = { name, ...skew, up: true, busyUntil: 0 }
      this.#places.set(name, place)
    }
    return place
  }
}

/** Wall clocks are off by hours on some machines; quartz is off by some 100 parts in a million at worst. */
function skewOf(rng: Rng): { offset: number; rate: number } {
  const hour = 3_600_000
  const offset = pick(rng, [0, 0, 0, 5, -500, 2 * hour, -30 * hour]) ?? 0
  return { offset, rate: 1 + between(rng, -2e-4, 2e-4) }
}
