import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { encode } from '../../../rpc/codec.ts'
import { encodeMessage } from '../../../discovery/core/messages.ts'
import { bytesOf } from '../wire.ts'
import { Bench } from './bench.ts'
import { targets } from './measures.ts'
import { formLargeMesh } from './large-mesh.ts'
import { isWhole, longId, quantile, timeUntil } from './mesh.ts'
import { drawPlot } from './plot.ts'
import { measureTargets, tableOf } from './results.ts'
import { plotsOf, readMeasured, withNewer } from './write-docs.ts'

const docs = new URL('../../../docs/', import.meta.url)
const page = readFileSync(new URL('discovery.md', docs), 'utf8')

describe('docs/discovery.md', () => {
  test('shows what was measured last, every row at its usual sizes at least', () => {
    const measured = readMeasured()
    expect(page).toContain(tableOf(measured))
    const missing = targets.flatMap(({ id, sizes }) =>
      sizes.filter((size) => !measured.some((result) => result.id === id && result.roots === size)),
    )
    expect(missing).toEqual([])
  })

  test('shows the plots that are there', () => {
    const shown = [...page.matchAll(/\]\((plots\/[^)]+)\)/g)].map(([, file = '']) => file)
    expect(shown.length).toBeGreaterThan(3)
    expect(shown.filter((file) => !existsSync(new URL(file, docs)))).toEqual([])
  })
})

describe('targets in a small mesh', () => {
  test.each(targets.filter(({ sizes }) => sizes.includes(10)))('$id is met with 10 roots', async ({ measure }) => {
    const measured = await measure(new Bench(10))
    expect(measured).toMatchObject({ met: true })
  })

  test('of 100 roots exactly the one that loses most packets is removed', async () => {
    expect((await targets.find(({ id }) => id === 'loss')?.measure(new Bench(100)))?.met).toBe(true)
  })

  test('are measured alike each time', async () => {
    const measure = async () => await measureTargets(['crash', 'idle'], [12], () => {})
    expect(await measure()).toEqual(await measure())
  })
})

test.each([
  [60, 500, 'more than one neighbour tells at a time'],
  [300, 20, 'many pages'],
])('a root that joins %i with %i actors each, %s, knows all within 10 s', (roots, children) => {
  const { simulation, below } = formLargeMesh({ roots, children, seed: 3 })
  simulation.startRoot(longId(roots))
  expect(timeUntil(simulation, () => isWhole(simulation, roots + 1, below()), 60_000)).toBeLessThan(10_000)
})

describe('what is written', () => {
  const results = [
    { id: 'crash', roots: 10, text: '0.20 s / 0.40 s', p50: 200, p99: 400, met: true },
    { id: 'crash', roots: 1_000, text: '0.30 s / 3.00 s', p50: 300, p99: 3_000, met: false },
  ]

  test('a row names each size, and says when a target is not met', () => {
    const row = tableOf(results)
      .split('\n')
      .find((line) => line.startsWith('| a crash'))
    expect(row).toContain('10: 0.20 s / 0.40 s<br>1,000: 0.30 s / 3.00 s **not met**')
    expect(tableOf(results)).toContain('not measured')
  })

  test('what was not measured this time stays as it was', () => {
    const newer = { id: 'crash', roots: 10, text: '0.1 s', p50: 100, p99: 100, met: true }
    const other = { ...newer, roots: 100 }
    expect(withNewer(results, [other, newer])).toEqual([newer, other, results[1]])
  })

  test('a plot has a line for each series, and a mark for each point', () => {
    const svg = plotsOf(results).get('detection') ?? ''
    expect(svg.match(/<circle /g)).toHaveLength(4)
    expect(svg).toContain('crash, p99')
    expect(svg).toContain('prefers-color-scheme:dark')
  })

  test('a plot keeps what its texts mean', () => {
    const svg = drawPlot({
      title: 'a < b & "c"',
      xLabel: 'x',
      yLabel: 'y',
      series: [{ name: '>', points: [{ x: 1, y: 0 }] }],
    })
    expect(svg).toContain('a &lt; b &amp; &quot;c&quot;')
    expect(svg).not.toContain('NaN')
  })

  test('bytes are those of the real encoder and what is around a message', () => {
    const token = { term: 1, inc: 1_700_000_000_000, peerId: longId(7) }
    const message = { type: 'beat', token, beat: 3 } as const
    expect(bytesOf(message)).toBe(encode(encodeMessage(message)).length + 34)
    expect(longId(7)).toHaveLength(52)
  })

  test('a quantile is a value that was measured', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2)
    expect(quantile([3, 1, 2], 1)).toBe(3)
    expect(quantile([5], 0.99)).toBe(5)
  })
})
