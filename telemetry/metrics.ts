import type { CallStats } from '../node/actor-stats.ts'
import type { ActorReading } from './reading.ts'

/** What tells the series of one metric apart, beside the actor. */
export type MetricLabels = Readonly<Record<string, string>>
type Series = readonly (readonly [value: number, labels?: MetricLabels])[]

/** A metric; names and units stay as they are. */
export interface Metric {
  readonly name: string
  /** As in UCUM: `By`, `s`, or what is counted, in braces. */
  readonly unit: string
  readonly description: string
  /** A counter only grows as long as the actor lives. */
  readonly kind: 'counter' | 'gauge'
  /** @param functions the most called ones that are told apart; the others are added up as `*` */
  readonly read: (reading: ActorReading, functions: number) => Series
}

/** Functions of one actor that its metrics tell apart. */
export const MAX_MEASURED_FUNCTIONS = 500

const OUTCOMES = ['succeeded', 'failed', 'cancelled'] as const

/** All metrics but the latencies of calls. */
export const METRICS: readonly Metric[] = [
  counter('greenroom.server.calls', '{call}', 'Calls that have ended here, by function and outcome', calledOf),
  gauge('greenroom.server.calls.in_flight', '{call}', 'Calls that run here', ({ stats }) => [[stats.served.inFlight]]),
  counter('greenroom.client.calls', '{call}', 'Calls made from here that have ended, by outcome', ({ stats }) =>
    OUTCOMES.map((outcome) => [stats.made[outcome], { outcome }]),
  ),
  gauge('greenroom.client.calls.in_flight', '{call}', 'Calls made from here that have no outcome yet', ({ stats }) => [
    [stats.made.inFlight],
  ]),
  counter('greenroom.refused', '{refusal}', 'Calls, streams and traces that were refused', ({ stats: { refused } }) => [
    [refused.calls, { what: 'calls' }],
    [refused.streams, { what: 'streams' }],
    [refused.traces, { what: 'traces' }],
  ]),
  counter('greenroom.protocol_errors', '{error}', 'Times that a peer broke the protocol', ({ stats }) => [
    [stats.refused.protocolErrors],
  ]),
  counter('greenroom.peers.dropped', '{peer}', 'Peers that were cut off because they went on', ({ stats }) => [
    [stats.refused.peersDropped],
  ]),
  counter('greenroom.io', 'By', 'Bytes of calls and their streams, before encryption', ({ stats: { bytes } }) => [
    [bytes.received, { direction: 'received' }],
    [bytes.sent, { direction: 'sent' }],
  ]),
  gauge('greenroom.streams', '{stream}', 'Open streams of calls', ({ stats }) => [[stats.streams.open]]),
  counter('greenroom.stream.items', '{item}', 'Items of streams', ({ stats: { streams } }) => [
    [streams.itemsReceived, { direction: 'received' }],
    [streams.itemsSent, { direction: 'sent' }],
  ]),
  gauge('greenroom.stream.credit.items', '{item}', 'Items that open streams may still send', ({ streams }) => [
    [sum(streams, ({ credit }) => credit.items)],
  ]),
  gauge('greenroom.stream.credit.bytes', 'By', 'Bytes that open streams may still send', ({ streams }) => [
    [sum(streams, ({ credit }) => credit.bytes)],
  ]),
  gauge('greenroom.stream.queued', '{item}', 'Items that wait here for their consumer', ({ streams }) => [
    [sum(streams, ({ queued }) => queued)],
  ]),
  gauge('greenroom.connections', '{connection}', 'Open connections', ({ connections }) => [[connections.length]]),
  counter('greenroom.discovery.messages', '{message}', 'Messages of discovery', ({ discovery: { counters } }) =>
    trafficOf(counters, ''),
  ),
  counter('greenroom.discovery.io', 'By', 'Bytes of messages of discovery', ({ discovery: { counters } }) =>
    trafficOf(counters, 'Bytes'),
  ),
  counter('greenroom.discovery.refused', '{message}', 'Messages that were refused or too many', ({ discovery }) => [
    [counted(discovery, 'refusedMessages'), { why: 'bad' }],
    [counted(discovery, 'excessMessages'), { why: 'excess' }],
  ]),
  counter('greenroom.probes', '{probe}', 'Probes of other roots', ({ discovery }) => [
    [counted(discovery, 'acks'), { outcome: 'answered' }],
    [counted(discovery, 'missed'), { outcome: 'missed' }],
  ]),
  counter('greenroom.suspicions', '{suspicion}', 'Roots that this one has suspected', ({ discovery }) => [
    [counted(discovery, 'suspicions')],
  ]),
  counter('greenroom.suspicions.refuted', '{suspicion}', 'Of these, how many were wrong', ({ discovery }) => [
    [counted(discovery, 'falseSuspicions')],
  ]),
  counter('greenroom.verdicts', '{verdict}', 'Roots that this one has called dead', ({ discovery }) => [
    [counted(discovery, 'verdicts')],
  ]),
  counter('greenroom.elections', '{election}', 'Elections that this actor has stood in', ({ discovery }) => [
    [counted(discovery, 'elections')],
  ]),
  gauge('greenroom.election.term', '{term}', 'The highest term that is known', ({ discovery }) => [[discovery.term]]),
  gauge('greenroom.arbiter', '1', 'Whether this actor is the arbiter', ({ discovery }) => [
    [discovery.isArbiter ? 1 : 0],
  ]),
  gauge('greenroom.mesh.actors', '{actor}', 'Live actors that are known, itself included', ({ discovery }) => [
    [discovery.roots, { kind: 'root' }],
    [discovery.actors - discovery.roots, { kind: 'child' }],
  ]),
  gauge('greenroom.neighbours', '{actor}', 'Neighbours whose discovery stream is up', ({ discovery }) => [
    [discovery.links],
  ]),
  gauge('greenroom.children', '{actor}', 'Actors and tasks in open nurseries, by state', ({ children }) => [
    [children.starting, { state: 'starting' }],
    [children.running, { state: 'running' }],
    [children.restarting, { state: 'restarting' }],
  ]),
  counter('greenroom.restarts', '{restart}', 'Restarts of children', ({ children }) => [[children.restarts]]),
  gauge('greenroom.event_loop.utilization', '1', 'The share of time in which it was busy', ({ eventLoop }) => [
    [eventLoop.utilization],
  ]),
  gauge('greenroom.event_loop.delay', 's', 'By how much timers came late since the last reading', ({ eventLoop }) =>
    eventLoop.delayMs === null
      ? []
      : [
          [eventLoop.delayMs.p50 / 1_000, { quantile: '0.5' }],
          [eventLoop.delayMs.p99 / 1_000, { quantile: '0.99' }],
          [eventLoop.delayMs.max / 1_000, { quantile: '1' }],
        ],
  ),
  counter('greenroom.cpu.time', 's', 'Processor time', ({ cpu }) => [
    [cpu.userMs / 1_000, { mode: 'user' }],
    [cpu.systemMs / 1_000, { mode: 'system' }],
  ]),
  gauge('greenroom.memory', 'By', 'Memory of the process, and the heap of the actor', ({ memory }) => [
    [memory.rssBytes, { kind: 'rss' }],
    [memory.heapUsedBytes, { kind: 'heap_used' }],
    [memory.heapTotalBytes, { kind: 'heap_total' }],
    [memory.externalBytes, { kind: 'external' }],
  ]),
  gauge('greenroom.uptime', 's', 'Time since the actor was up', ({ at, startedAt }) => [
    [Math.max(0, at - startedAt) / 1_000],
  ]),
]

function counter(name: string, unit: string, description: string, read: Metric['read']): Metric {
  return { name, unit, description, kind: 'counter', read }
}

function gauge(name: string, unit: string, description: string, read: Metric['read']): Metric {
  return { name, unit, description, kind: 'gauge', read }
}

/** The calls of each function; the sums are those of all calls, whatever is told apart. */
function calledOf({ stats: { served, functions } }: ActorReading, told: number): Series {
  const byCalls = functions.filter(({ id }) => id !== '*').toSorted((a, b) => b.started - a.started)
  const shown = byCalls.slice(0, told)
  const rest = (outcome: (typeof OUTCOMES)[number]): number => served[outcome] - sum(shown, (one) => one[outcome])
  return [
    ...shown.flatMap(({ id, ...calls }) =>
      OUTCOMES.map((outcome) => [calls[outcome], { function: id, outcome }] as const),
    ),
    ...OUTCOMES.map((outcome) => [Math.max(0, rest(outcome)), { function: '*', outcome }] as const),
  ]
}

function trafficOf(counters: Readonly<Record<string, number>>, what: '' | 'Bytes'): Series {
  return (['gossip', 'neighbour'] as const).flatMap((via) =>
    (['received', 'sent'] as const).map((direction) => {
      const name = `${via}${direction === 'sent' ? 'Sent' : 'Received'}${what}`
      return [counters[name] ?? 0, { via, direction }] as const
    }),
  )
}

function counted({ counters }: ActorReading['discovery'], name: string): number {
  return counters[name] ?? 0
}

function sum<T>(list: readonly T[], valueOf: (one: T) => number): number {
  return list.reduce((all, one) => all + valueOf(one), 0)
}

/** Upper bounds of the buckets of a latency, in seconds; what is above the last one is in one more. */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** The latencies of calls: how many took how long. */
export const LATENCIES = [
  {
    name: 'greenroom.server.call.duration',
    description: 'From the arrival of a call to its answer, streams to their end',
    of: ({ stats }: ActorReading): CallStats => stats.served,
  },
  {
    name: 'greenroom.client.call.duration',
    description: 'From a call to its outcome',
    of: ({ stats }: ActorReading): CallStats => stats.made,
  },
] as const

/** The calls in each bucket of {@link LATENCY_BOUNDS} and above the last one, none of them twice, and the sum in seconds. */
export function bucketsOf({ latency }: CallStats): { counts: number[]; sum: number; count: number; max: number } {
  const counts = Array<number>(LATENCY_BOUNDS.length + 1).fill(0)
  for (const [fromUs, count] of latency.buckets) {
    const at = LATENCY_BOUNDS.findIndex((bound) => fromUs <= bound * 1e6)
    counts[at < 0 ? LATENCY_BOUNDS.length : at]! += count
  }
  return { counts, sum: (latency.meanUs * latency.count) / 1e6, count: latency.count, max: latency.maxUs / 1e6 }
}
