import type { ActorStats, FunctionStats } from '../../../node/actor-stats.ts'
import { CallCounter } from '../../../rpc/stats.ts'
import type { ActorReading } from '../../../telemetry/reading.ts'

/** How an actor is that has served calls of some functions, each as often as it says and each in a millisecond. */
export function readingOf(name: string, calls: Readonly<Record<string, number>>): ActorReading {
  const all = new CallCounter()
  const functions = Object.entries(calls).map(([id, times]): FunctionStats => {
    const counter = new CallCounter()
    for (let i = 0; i < times; i++) {
      counter.begin()
      counter.end(i % 10 === 9 ? 'failed' : 'succeeded')
      counter.latency.record(1_000)
    }
    all.add(counter)
    return { id, kind: 'value', ...counter.read() }
  })
  const stats: ActorStats = {
    since: 0,
    uptimeMs: 0,
    served: all.read(),
    made: new CallCounter().read(),
    functions,
    bytes: { received: 1, sent: 2 },
    streams: { open: 1, itemsReceived: 3, itemsSent: 4 },
    refused: { calls: 5, streams: 6, traces: 7, protocolErrors: 8, peersDropped: 9 },
  }
  return {
    name,
    id: `id-of-${name}`,
    at: 20_000,
    startedAt: 10_000,
    memory: { rssBytes: 1, heapUsedBytes: 2, heapTotalBytes: 3, externalBytes: 4 },
    cpu: { userMs: 1_500, systemMs: 500, share: 0.1 },
    eventLoop: { utilization: 0.25, delayMs: { p50: 1, p99: 2, max: 3 } },
    stats,
    connections: [1, 2],
    streams: [
      { credit: { items: 10, bytes: 100 }, queued: 1 },
      { credit: { items: 20, bytes: 200 }, queued: 2 },
    ],
    discovery: {
      links: 2,
      actors: 5,
      roots: 2,
      term: 7,
      isArbiter: true,
      counters: { acks: 11, missed: 1, suspicions: 2, elections: 3, gossipSent: 4, neighbourReceivedBytes: 500 },
    },
    children: { starting: 1, running: 2, restarting: 3, restarts: 4 },
  }
}
