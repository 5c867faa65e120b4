import { type BatchObservableResult, type Meter, metrics, type Observable } from '@opentelemetry/api'
import { describeError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { bucketsOf, LATENCIES, LATENCY_BOUNDS, MAX_MEASURED_FUNCTIONS, METRICS } from './metrics.ts'
import type { ActorReading } from './reading.ts'

/**
 * Lets the metrics SDK of this process read an actor when it collects: nothing is done in between.
 *
 * The API has no histogram that is read: latencies are counters of the calls that took no longer than `le` seconds, as
 * Prometheus has its histograms.
 *
 * @returns the function that ends it
 */
export function observeActor(
  read: () => Promise<ActorReading>,
  meter: Meter = metrics.getMeter('greenroom'),
): () => void {
  const plain = METRICS.map((metric) => ({ metric, instrument: instrumentOf(meter, metric) }))
  const latencies = LATENCIES.map(({ name, description, of }) => ({
    of,
    bucket: meter.createObservableCounter(`${name}.bucket`, { unit: '{call}', description }),
    sum: meter.createObservableCounter(`${name}.sum`, { unit: 's', description }),
  }))
  const log = areaLog('telemetry')
  const callback = async (result: BatchObservableResult): Promise<void> => {
    let reading: ActorReading
    try {
      reading = await read()
    } catch (error) {
      log.debug(`nothing was measured: ${describeError(error)}`)
      return
    }
    const actor = { 'greenroom.actor.name': reading.name, 'greenroom.actor.id': reading.id }
    for (const { metric, instrument } of plain)
      for (const [value, labels] of metric.read(reading, MAX_MEASURED_FUNCTIONS))
        result.observe(instrument, value, { ...actor, ...labels })
    for (const { of, bucket, sum } of latencies) {
      const { counts, sum: seconds } = bucketsOf(of(reading))
      let below = 0
      for (const [i, count] of counts.entries()) {
        below += count
        result.observe(bucket, below, { ...actor, le: String(LATENCY_BOUNDS[i] ?? '+Inf') })
      }
      result.observe(sum, seconds, actor)
    }
  }
  const observed: Observable[] = [
    ...plain.map(({ instrument }) => instrument),
    ...latencies.flatMap(({ bucket, sum }) => [bucket, sum]),
  ]
  meter.addBatchObservableCallback(callback, observed)
  return () => meter.removeBatchObservableCallback(callback, observed)
}

function instrumentOf(meter: Meter, { name, unit, description, kind }: (typeof METRICS)[number]): Observable {
  const options = { unit, description }
  return kind === 'counter' ? meter.createObservableCounter(name, options) : meter.createObservableGauge(name, options)
}
