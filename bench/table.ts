import { availableParallelism, cpus, loadavg } from 'node:os'
import type { Measure, RowPlan, Target } from './measure.ts'
import type { PairName } from './pair.ts'
import type { Readings } from './rounds.ts'
import { median, summarise, type Summary } from './statistics.ts'

/** One row with its numbers; `cells` are by pair, greenroom's own under `greenroom` whichever path it took. */
export interface Row {
  readonly id: string
  readonly name: string
  readonly unit: string
  readonly cells: Readonly<Partial<Record<PairName, Summary & { readonly samples: readonly number[] }>>>
  /** Greenroom over its floor: the median of the ratios of each round. */
  readonly ratio: number | undefined
  readonly targets: readonly { readonly target: string; readonly met: boolean }[]
}

const COLUMNS = ['greenroom', 'libp2p', 'tcp', 'tls', 'ipc'] as const

/** The rows of one measure, without those about a pair that had no part. */
export function rowsOf(measure: Measure, readings: Readings): Row[] {
  return measure.rows
    .filter(({ ours }) => ours === undefined || readings.has(ours))
    .map((plan) => rowOf(plan, readings))
}

function rowOf(plan: RowPlan, readings: Readings): Row {
  const { id, name, unit, metric, ours = 'greenroom', base = 'libp2p', targets = [] } = plan
  const samplesOf = (pair: PairName): number[] => (readings.get(pair) ?? []).map((reading) => reading[metric]!)
  const cells: Row['cells'] = Object.fromEntries(
    COLUMNS.map((column) => [column, samplesOf(column === 'greenroom' ? ours : column)] as const)
      .filter(([, samples]) => samples.length > 0)
      .map(([column, samples]) => [column, { ...summarise(samples), samples }]),
  )
  const mine = cells.greenroom
  const floor = base === 'none' ? undefined : cells[base]
  const ratio = mine && floor && median(mine.samples.map((sample, i) => sample / floor.samples[i]!))
  const judged = targets.flatMap((target) => {
    const value = target.of === 'ratio' ? ratio : target.of === 'worst' ? mine?.max : mine?.median
    return value === undefined ? [] : [{ target: describe(target), met: meets(target, value) }]
  })
  return { id, name, unit, cells, ratio, targets: judged }
}

/** The machine, as far as it decides the numbers. */
export function describeMachine(): string {
  const model = cpus()[0]?.model ?? 'unknown'
  const load = loadavg()[0]!.toFixed(1)
  return `Node ${process.version}, ${process.platform} ${process.arch}, ${availableParallelism()} × ${model}, load ${load}`
}

/** The head of the table. */
export function head(): string {
  return line(['measure', 'unit', ...COLUMNS, 'ratio', 'target'])
}

/** A row as it is printed: medians, half of the distance between the quartiles in percent, and the verdicts. */
export function printed({ name, unit, cells, ratio, targets }: Row): string {
  const verdicts = targets.map(({ target, met }) => `${target} ${met ? 'met' : 'NOT met'}`)
  const numbers = COLUMNS.map((column) => cell(cells[column]))
  return line([name, unit, ...numbers, ratio === undefined ? '' : ratio.toFixed(2), verdicts.join(', ')])
}

function cell(summary: Summary | undefined): string {
  if (summary === undefined) return ''
  const { median: value, spread } = summary
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  const percent = Math.round((100 * spread) / value)
  return `${value.toLocaleString('en', { maximumFractionDigits: digits })} ±${String(percent).padStart(2)}%`
}

const WIDTHS = [47, 8, ...COLUMNS.map(() => 15), 6]

function line(parts: readonly string[]): string {
  const padded = parts.map((part, i) => (i < 2 ? part.padEnd(WIDTHS[i]!) : i < 8 ? part.padStart(WIDTHS[i]!) : part))
  return padded.join(' ').trimEnd()
}

function describe({ of, atLeast, atMost }: Target): string {
  const bound = atLeast === undefined ? `<= ${atMost?.toLocaleString('en')}` : `>= ${atLeast.toLocaleString('en')}`
  return of === 'value' ? bound : `${of} ${bound}`
}

function meets(
  { atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY }: Target,
  value: number,
): boolean {
  return value >= atLeast && value <= atMost
}
