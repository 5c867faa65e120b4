import type { HostMetrics } from '../node/host.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { readTreeOf } from './tree-readings.ts'

/** Metrics of a root and its tree, as Prometheus reads them. */
export interface RunningMetrics {
  /** Where they are read. */
  readonly url: string
  /** Measures the libp2p node of the root. */
  readonly component: HostMetrics
  /** The root is up: those who ask are answered. */
  serve(runtime: ActorRuntime): void
  close(): Promise<void>
}

/**
 * Listens for who reads metrics. What this needs is loaded here, by roots that were told to.
 *
 * @param address as `:9464`, of this machine alone, or `0.0.0.0:9464`
 * @throws InvalidArgument when it is none
 * @throws GreenroomError `METRICS_ADDRESS` when nobody can listen there
 */
export async function startMetrics(address: string): Promise<RunningMetrics> {
  const [{ readEndpointAddress, serveText }, { libp2pMetrics }, { prometheusText }] = await Promise.all([
    import('../telemetry/endpoint.ts'),
    import('../telemetry/libp2p-metrics.ts'),
    import('../telemetry/prometheus-text.ts'),
  ])
  const up = Promise.withResolvers<ActorRuntime>()
  const libp2p = libp2pMetrics()
  const endpoint = await serveText(readEndpointAddress(address), async () => {
    const { readings, silent } = await readTreeOf(await up.promise)
    return `${prometheusText(readings, silent)}\n${await libp2p.read()}`
  })
  return {
    url: endpoint.url,
    component: libp2p.component,
    serve: (runtime) => up.resolve(runtime),
    close: async () => await endpoint.close(),
  }
}
