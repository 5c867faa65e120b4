/** Rounds of each measure; floors and greenroom take turns, so that a machine that slows down slows both. */
export const ROUNDS = 5

/** One row of the table: what is measured, in which unit, on the floor and on greenroom. */
export interface Measure {
  readonly name: string
  readonly unit: string
  /** Whether more is better: decides what the ratio divides by. */
  readonly higherIsBetter: boolean
  floor(): Promise<number>
  greenroom(): Promise<number>
}

/** Runs a measure's two sides in turn; gives the medians and their ratio (1 is the floor, more is better). */
export async function measure(one: Measure): Promise<{ floor: number; greenroom: number; ratio: number }> {
  const floors: number[] = []
  const ours: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    floors.push(await one.floor())
    ours.push(await one.greenroom())
  }
  const floor = median(floors)
  const greenroom = median(ours)
  return { floor, greenroom, ratio: one.higherIsBetter ? greenroom / floor : floor / greenroom }
}

/** Work done a second by `inFlight` loops that each await one round trip after another, for about `ms` milliseconds. */
export async function ratePerSecond(inFlight: number, ms: number, once: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  let done = 0
  const loop = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      await once()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return (done * 1_000) / (performance.now() - start)
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
