import { readFileSync } from 'node:fs'
import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics'
import { Gauge, register } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { openIdentity } from '../../node/identity.ts'
import { startHost } from '../../node/host.ts'
import { CallCounter } from '../../rpc/stats.ts'
import { observeActor } from '../../telemetry/instruments.ts'
import { libp2pMetrics } from '../../telemetry/libp2p-metrics.ts'
import { bucketsOf, LATENCIES, LATENCY_BOUNDS, MAX_MEASURED_FUNCTIONS, METRICS } from '../../telemetry/metrics.ts'
import { prometheusText } from '../../telemetry/prometheus-text.ts'
import { readingOf } from './support/reading.ts'

/** The samples of a text: each line as its name with labels, and its value. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const [, series = '', value = ''] = /^([a-z_0-9]+(?:\{.*\})?) ([-+\w.]+)$/.exec(line) ?? []
      return [series === '' ? line : series, Number(value)]
    }),
  )
}

describe('the text for Prometheus', () => {
  const text = prometheusText([readingOf('alice', { 'film#hi': 20, 'film#cut': 5 }), readingOf('bo"b\n', {})], 3)
  const samples = samplesOf(text)
  const alice = 'actor="alice",actor_id="of-alice"'
  const bob = String.raw`actor="bo\"b\n"`

  test('has every metric once, with its help and type, and every actor in it', () => {
    const types = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
    const plain = METRICS.map(({ name, kind }) => {
      const flat = name.replaceAll('.', '_')
      return kind === 'counter' ? `${flat}_total counter` : `${flat} gauge`
    })
    const latencies = LATENCIES.map(({ name }) => `${name.replaceAll('.', '_')} histogram`)
    expect(types).toEqual([...plain, ...latencies, 'greenroom_scrape_silent gauge'])
    for (const type of [...plain, ...latencies]) {
      const name = type.split(' ')[0]!
      expect(text).toMatch(new RegExp(`^${name}(_count)?\\{${alice}[,}]`, 'm'))
      expect(text).toContain(`${name}${type.endsWith('m') ? '_count' : ''}{${bob}`)
    }
    expect(samples.get('greenroom_scrape_silent')).toBe(3)
  })

  test('counts calls by function and outcome', () => {
    const calls = (fn: string, outcome: string): number | undefined =>
      samples.get(`greenroom_server_calls_total{${alice},function="${fn}",outcome="${outcome}"}`)
    expect(calls('film#hi', 'succeeded')).toBe(18)
    expect(calls('film#hi', 'failed')).toBe(2)
    expect(calls('film#cut', 'succeeded')).toBe(5)
    expect(calls('*', 'succeeded')).toBe(0)
  })

  test('has latencies as histograms', () => {
    const bucket = (le: string): number | undefined =>
      samples.get(`greenroom_server_call_duration_bucket{${alice},le="${le}"}`)
    expect([bucket('0.0005'), bucket('0.001'), bucket('10'), bucket('+Inf')]).toEqual([0, 25, 25, 25])
    expect(samples.get(`greenroom_server_call_duration_count{${alice}}`)).toBe(25)
    expect(samples.get(`greenroom_server_call_duration_sum{${alice}}`)).toBeCloseTo(0.025)
  })

  test('says what is counted elsewhere, in base units', () => {
    const of = (name: string, labels = ''): number | undefined => samples.get(`greenroom_${name}{${alice}${labels}}`)
    expect(of('stream_credit_items')).toBe(30)
    expect(of('stream_queued')).toBe(3)
    expect(of('probes_total', ',outcome="missed"')).toBe(1)
    expect(of('discovery_io_total', ',via="neighbour",direction="received"')).toBe(500)
    expect(of('cpu_time_total', ',mode="user"')).toBe(1.5)
    expect(of('event_loop_delay', ',quantile="0.99"')).toBe(0.002)
    expect(of('children', ',state="restarting"')).toBe(3)
    expect(of('restarts_total')).toBe(4)
    expect(of('uptime')).toBe(10)
  })

  test('tells no more functions apart than it may, and loses no call of the others', () => {
    const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`film#f${i}`, 1 + (i % 7)]))
    const actors = Array.from({ length: 5 }, (_, i) => readingOf(`actor${i}`, many))
    const lines = prometheusText(actors, 0)
      .split('\n')
      .filter((line) => line.startsWith('greenroom_server_calls_total{'))
    expect(new Set(lines.map((line) => /actor="(\w+)".*function="([^"]+)"/.exec(line)?.slice(1).join())).size).toBe(
      5 * (MAX_MEASURED_FUNCTIONS / 5 + 1),
    )
    const sum = lines.reduce((all, line) => all + Number(line.split(' ').at(-1)), 0)
    expect(sum).toBe(5 * Object.values(many).reduce((a, b) => a + b))
  })

  test('cannot be added to by what an actor says', () => {
    const evil = readingOf('evil"} 1\nforged_metric{x="', { 'film#"}\nforged 1': 1 })
    const lying = { ...evil, connections: { length: '1\nforged 2' } as unknown as unknown[] }
    expect(prometheusText([lying], 0)).not.toMatch(/^forged/m)
  })
})

test('a latency is in the bucket of its bound, and above the last one in one more', () => {
  const counter = new CallCounter()
  for (const us of [50, 100, 1_000, 10_000_000, 60_000_000]) counter.latency.record(us)
  const { counts, count, max } = bucketsOf(counter.read())
  expect(counts[0]).toBe(2)
  expect(counts[LATENCY_BOUNDS.indexOf(0.001)]).toBe(1)
  expect(counts[LATENCY_BOUNDS.length - 1]).toBe(1)
  expect(counts.at(-1)).toBe(1)
  expect(count).toBe(5)
  expect(max).toBe(60)
})

test('a metrics SDK reads the same numbers when it collects, and no more once it was ended', async () => {
  class Asked extends MetricReader {
    protected override async onForceFlush(): Promise<void> {}
    protected override async onShutdown(): Promise<void> {}
  }
  const reader = new Asked()
  const provider = new MeterProvider({ readers: [reader] })
  let asked = 0
  const end = observeActor(async () => {
    asked += 1
    return await Promise.resolve(readingOf('alice', { 'film#hi': 20 }))
  }, provider.getMeter('test'))
  const { resourceMetrics, errors } = await reader.collect()
  expect(errors).toEqual([])
  expect(asked).toBe(1)
  const metrics = new Map(resourceMetrics.scopeMetrics[0]!.metrics.map((metric) => [metric.descriptor.name, metric]))
  expect([...metrics.keys()].toSorted()).toEqual(
    [
      ...METRICS.map(({ name }) => name),
      ...LATENCIES.flatMap(({ name }) => [`${name}.bucket`, `${name}.sum`]),
    ].toSorted(),
  )
  for (const { name, unit } of METRICS) expect(metrics.get(name)!.descriptor.unit).toBe(unit)
  const calls = metrics.get('greenroom.server.calls')!.dataPoints
  expect(calls.map(({ value, attributes }) => [attributes['function'], attributes['outcome'], value])).toContainEqual([
    'film#hi',
    'failed',
    2,
  ])
  const le = metrics.get('greenroom.server.call.duration.bucket')!.dataPoints
  expect(le.map(({ attributes, value }) => [attributes['le'], value]).slice(2, 4)).toEqual([
    ['0.0005', 0],
    ['0.001', 20],
  ])
  end()
  await reader.collect()
  expect(asked).toBe(1)
  await provider.shutdown()
})

test("libp2p's own metrics are of one node, and leave alone what a program has put into prom-client", async () => {
  const own = new Gauge({ name: 'of_the_program', help: 'kept' })
  own.set(7)
  const metrics = libp2pMetrics()
  const host = await startHost({
    identity: await openIdentity(),
    secret: new Uint8Array(32),
    metrics: metrics.component,
  })
  try {
    const text = await metrics.read()
    expect(samplesOf(text).size).toBeGreaterThan(20)
    expect(text).toContain('libp2p_connection_manager_connections')
    expect(text).not.toContain('libp2p_data_transfer_bytes_total')
    expect(text).not.toContain('of_the_program')
    expect(await register.metrics()).toContain('of_the_program 7')
  } finally {
    await host.stop()
    register.clear()
  }
})

test('the page lists every metric, with its unit, and no other', () => {
  const page = readFileSync(new URL('../../docs/telemetry.md', import.meta.url), 'utf8')
  const rows = [...page.matchAll(/^\| `(greenroom\.[\w.]+)` \| (\S+) \| (?:counter|gauge|histogram) \|/gm)].map(
    ([, name, unit]) => `${name} ${unit}`,
  )
  const shown = (unit: string): string => unit.replace(/^\{(\w+)\}$/, '$1')
  const all = [
    ...METRICS.map(({ name, unit }) => `${name} ${shown(unit)}`),
    ...LATENCIES.map(({ name }) => `${name} s`),
  ]
  expect(rows.toSorted()).toEqual(all.toSorted())
})
