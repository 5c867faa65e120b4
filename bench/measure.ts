import type { Command } from './driver.ts'
import type { PairName } from './pair.ts'

/** What has to hold for the medians of a row; of `ratio` or of greenroom's own `value`; or for the `worst` round. */
export interface Target {
  readonly of: 'ratio' | 'value' | 'worst'
  readonly atLeast?: number
  readonly atMost?: number
}

/** One line of the table. */
export interface RowPlan {
  readonly id: string
  readonly name: string
  readonly unit: string
  /** Which number of the reading. */
  readonly metric: string
  /** The pair in greenroom's column; default `greenroom`. */
  readonly ours?: PairName
  /** The floor that the ratio divides by; default `libp2p`, none for numbers that are ratios themselves. */
  readonly base?: PairName | 'none'
  readonly targets?: readonly Target[]
}

/** Something that pairs do, and the rows that it gives. */
export interface Measure {
  readonly id: string
  readonly pairs: readonly PairName[]
  /** Why it cannot be measured here, when it cannot. */
  whyNot?(): string | undefined
  command(windowMs: number): Command
  readonly rows: readonly RowPlan[]
}
