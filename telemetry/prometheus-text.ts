import { type HrTime, ValueType } from '@opentelemetry/api'
import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus'
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics'
import { bucketsOf, LATENCIES, LATENCY_BOUNDS, MAX_MEASURED_FUNCTIONS, METRICS, type Metric } from './metrics.ts'
import type { ActorReading } from './reading.ts'

// Straight from the readings, not through instruments: an SDK keeps the series of actors that have ended, and tells
// 2,000 of a metric apart at most.

/** Actors as Prometheus reads them, by OpenTelemetry's exporter. @param silent how many did not answer */
export function prometheusText(readings: readonly ActorReading[], silent: number): string {
  const functions = Math.max(1, Math.floor(MAX_MEASURED_FUNCTIONS / Math.max(1, readings.length)))
  const metrics = [
    ...METRICS.map((metric) => plainOf(metric, readings, functions)),
    ...LATENCIES.map((latency) => histogramOf(latency, readings)),
    plainOf(SILENT, [], 0, [pointOf(silent, {}, 0, Date.now())]),
  ].filter(({ dataPoints }) => dataPoints.length > 0)
  // without the labels of OpenTelemetry's scopes and resources, which would say the same on every line
  return new PrometheusSerializer(undefined, false, undefined, true, true).serialize({
    resource: NO_RESOURCE,
    scopeMetrics: [{ scope: { name: 'greenroom' }, metrics }],
  })
}

const NO_RESOURCE = { attributes: {} } as ResourceMetrics['resource']
const SILENT: Metric = {
  name: 'greenroom.scrape.silent',
  unit: '{actor}',
  description: 'Actors of the tree that did not answer in time, or were too many',
  kind: 'gauge',
  read: () => [],
}

function plainOf(
  { name, unit, description, kind, read }: Metric,
  readings: readonly ActorReading[],
  functions: number,
  dataPoints: DataPoint<number>[] = readings.flatMap((reading) =>
    read(reading, functions).map(([value, labels]) =>
      // a number whatever an actor has said: it becomes part of a text
      pointOf(Number(value), { ...actorOf(reading), ...labels }, reading.startedAt, reading.at),
    ),
  ),
): MetricData {
  const descriptor = { name, unit: '', description: `${description}${inUnit(unit)}`, valueType: ValueType.DOUBLE }
  const common = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE, dataPoints }
  return kind === 'counter'
    ? { ...common, dataPointType: DataPointType.SUM, isMonotonic: true }
    : { ...common, dataPointType: DataPointType.GAUGE }
}

function histogramOf(
  { name, description, of }: (typeof LATENCIES)[number],
  readings: readonly ActorReading[],
): MetricData {
  return {
    descriptor: { name, unit: '', description: `${description}${inUnit('s')}`, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPointType: DataPointType.HISTOGRAM,
    dataPoints: readings.map((reading) => {
      const { counts, sum, count, max } = bucketsOf(of(reading))
      const value = { buckets: { boundaries: [...LATENCY_BOUNDS], counts }, sum, count, max }
      return pointOf(value, actorOf(reading), reading.startedAt, reading.at)
    }),
  }
}

function actorOf({ name, id }: ActorReading): Record<string, string> {
  return { actor: name, actor_id: id.slice(-8) }
}

/** Units are told in words: that of a metric's line is part of its name in Prometheus' newer format, and not here. */
function inUnit(unit: string): string {
  return unit === 's' ? ', in seconds' : unit === 'By' ? ', in bytes' : ''
}

function pointOf<T>(value: T, attributes: Record<string, string>, startedAt: number, at: number): DataPoint<T> {
  return { value, attributes, startTime: timeOf(startedAt), endTime: timeOf(at) }
}

function timeOf(ms: number): HrTime {
  return [Math.floor(ms / 1_000), (ms % 1_000) * 1e6]
}
