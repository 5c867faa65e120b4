/** A random number in [0, 1). */
export type Rng = () => number

/** The generator mulberry32 (Tommy Ettinger, public domain): small, fast, and the same on every machine. */
export function seeded(seed: number): Rng {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** A random number from `low` up to `high`. */
export function between(rng: Rng, low: number, high: number): number {
  return low + rng() * (high - low)
}

/** A random whole number from `low` to `high`, both included. */
export function wholeBetween(rng: Rng, low: number, high: number): number {
  return low + Math.floor(rng() * (high - low + 1))
}

/** One of the items, or undefined when there are none. */
export function pick<T>(rng: Rng, items: readonly T[]): T | undefined {
  return items[Math.floor(rng() * items.length)]
}

/** The items in a random order. */
export function shuffled<T>(rng: Rng, items: Iterable<T>): T[] {
  return [...items]
    .map((item) => ({ item, key: rng() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
