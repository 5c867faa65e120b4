/** The value below which `percent` of all lie, by nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.ceil((percent / 100) * sorted.length)
  return sorted[Math.max(0, rank - 1)] ?? Number.NaN
}

/** What several rounds gave. */
export interface Summary {
  readonly median: number
  readonly min: number
  readonly max: number
  /** Half of the distance between the quartiles. */
  readonly spread: number
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

export function summarise(values: readonly number[]): Summary {
  return {
    median: median(values),
    min: Math.min(...values),
    max: Math.max(...values),
    spread: (percentile(values, 75) - percentile(values, 25)) / 2,
  }
}
