import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { drawPlot } from './plot.ts'
import type { Series } from './plot.ts'
import { tableOf } from './results.ts'
import type { Result } from './results.ts'

const docs = new URL('../../../docs/', import.meta.url)
const begin = '<!-- targets: written by npm run simulate -- --targets --write -->'
const end = '<!-- end of targets -->'

/** What was measured last, row by row and size by size. */
const measured = new URL('plots/measured.json', docs)

/**
 * Puts the table into docs/discovery.md, and the plots beside it. What was not measured this time stays as it was measured
 * last.
 */
export function writeDocs(newer: readonly Result[]): void {
  const results = withNewer(readMeasured(), newer)
  writeFileSync(measured, `${JSON.stringify(results, null, 2)}\n`)
  const page = new URL('discovery.md', docs)
  const text = readFileSync(page, 'utf8')
  const [before, rest] = text.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) {
    throw new Error(`docs/discovery.md has no place for the table: it needs the lines ${begin} and ${end}`)
  }
  writeFileSync(page, `${before}${begin}\n${tableOf(results)}\n${end}${after}`)
  mkdirSync(new URL('plots/', docs), { recursive: true })
  for (const [name, svg] of plotsOf(results)) writeFileSync(new URL(`plots/${name}.svg`, docs), svg)
}

/** What the docs show. */
export function readMeasured(): Result[] {
  return JSON.parse(readFileSync(measured, 'utf8')) as Result[]
}

/** All results, the newer ones in the place of older ones of the same row and size; smaller sizes first. */
export function withNewer(older: readonly Result[], newer: readonly Result[]): Result[] {
  const keyOf = ({ id, roots }: Result): string => `${id} ${roots}`
  const results = new Map([...older, ...newer].map((result) => [keyOf(result), result]))
  return [...results.values()].toSorted((a, b) => a.id.localeCompare(b.id, 'en') || a.roots - b.roots)
}

/** The plots, by file name. */
export function plotsOf(results: readonly Result[]): Map<string, string> {
  const line = (id: string, name: string, of: 'p50' | 'p99', unit: number): Series => ({
    name,
    points: results
      .filter((result) => result.id === id)
      .map(({ roots, ...result }) => ({ x: roots, y: result[of] / unit })),
    dashed: of === 'p99',
  })
  const plots = {
    detection: {
      title: 'A root is gone: until every other one knows',
      yLabel: 'seconds',
      series: [
        line('crash', 'crash, p50', 'p50', 1_000),
        line('crash', 'crash, p99', 'p99', 1_000),
        line('hang', 'hang, p50', 'p50', 1_000),
        line('hang', 'hang, p99', 'p99', 1_000),
      ],
    },
    spread: {
      title: 'A change, until 99.99 % have it',
      yLabel: 'seconds',
      series: [line('change', 'p50', 'p50', 1_000), line('change', 'p99', 'p99', 1_000)],
    },
    joining: {
      title: 'So many join at once, until all know all',
      yLabel: 'seconds',
      series: [line('storm', 'join storm', 'p50', 1_000)],
    },
    succession: {
      title: 'Until everybody follows another arbiter',
      yLabel: 'seconds',
      series: [
        line('succession', 'after a crash, p99', 'p99', 1_000),
        line('hung-arbiter', 'after a hang, p99', 'p99', 1_000),
      ],
    },
    traffic: {
      title: 'What an idle root sends',
      yLabel: 'KB/s',
      series: [line('idle', 'mean', 'p50', 1_000), line('idle', 'busiest root', 'p99', 1_000)],
    },
  }
  const drawn = new Map<string, string>()
  for (const [name, plot] of Object.entries(plots)) {
    const series = plot.series.filter(({ points }) => points.length > 0)
    if (series.length > 0) drawn.set(name, drawPlot({ ...plot, xLabel: 'roots', series }))
  }
  return drawn
}
