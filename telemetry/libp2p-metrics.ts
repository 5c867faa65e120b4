import type { ComponentLogger, Metrics } from '@libp2p/interface'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { register, Registry } from 'prom-client'

/** What libp2p counts, and how Prometheus reads it. */
export interface Libp2pMetrics {
  /** For the node that is measured. */
  readonly component: (components: { logger: ComponentLogger }) => Metrics
  read(): Promise<string>
}

/** Bytes of connections, which the fast path takes past libp2p's counting: `greenroom_io_total` has those of calls. */
const PASSED_BY = 'libp2p_data_transfer_bytes_total'

/** Metrics of one libp2p node, in a registry of their own. */
export function libp2pMetrics(): Libp2pMetrics {
  const registry = new Registry()
  return {
    component: (components) => {
      const metrics = keepingOthers(() =>
        prometheusMetrics({ registry, collectDefaultMetrics: false })({ logger: components.logger }),
      )
      registry.removeSingleMetric(PASSED_BY)
      // It would wrap every send and every event of every stream, for that one metric.
      metrics.trackMultiaddrConnection = () => {}
      metrics.trackProtocolStream = () => {}
      return metrics
    },
    // the names of abstract sockets begin with what has no place in a text
    read: async () => (await registry.metrics()).replaceAll('\0', '@'),
  }
}

/** The adapter empties prom-client's global registry when it starts: what a program has put there is not its own. */
function keepingOthers<T>(make: () => T): T {
  // its own property hides the method
  register.clear = () => {}
  try {
    return make()
  } finally {
    Reflect.deleteProperty(register, 'clear')
  }
}
