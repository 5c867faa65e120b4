import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as tracing from '../../node/tracing.ts'
import * as preload from '../../nursery/preload.ts'
import * as treeReadings from '../../nursery/tree-readings.ts'
import * as endpoint from '../../telemetry/endpoint.ts'
import * as metrics from '../../telemetry/metrics.ts'
import * as tracer from '../../telemetry/tracer.ts'

const page = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8')
const limits: Record<string, unknown> = {
  ...tracing,
  ...preload,
  ...treeReadings,
  ...endpoint,
  ...metrics,
  ...tracer,
}
const rows = [...page.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]+) \|$/gm)].map(([, names = '', text = '']) => ({
  names: [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
  text,
}))

test('the page on telemetry lists bounds', () => expect(rows.length).toBeGreaterThan(5))

test.each(rows)('$names are as the page on telemetry says', ({ names, text }) => {
  const numbers = [...text.matchAll(/\d[\d,.]*/g)].map(([digits]) => Number(digits.replaceAll(',', '')))
  expect(numbers).toEqual(expect.arrayContaining(names.map((name) => limits[name])))
})
