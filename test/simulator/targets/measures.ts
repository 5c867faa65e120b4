import { profiles } from '../../../discovery/profile.ts'
import { minute } from './bench.ts'
import type { Bench, Measured, Target } from './bench.ts'
import { countFalsePositives, plainSwim, withoutLifeguard } from './false-positives.ts'
import { heal, succession } from './measure-arbiter.ts'
import { crash, hang, isolation, lostHost, sick } from './measure-detection.ts'
import { change, idle, latecomers, storm } from './measure-spread.ts'

/** The shares of plain SWIM's false positives that Lifeguard left, in percent: everywhere, and at healthy members. */
const lifeguard = { all: 1.53, atHealthy: 1.89 }

async function falsePositives({ roots }: Bench): Promise<Measured> {
  const ours = countFalsePositives(roots, profiles.lan)
  const plain = countFalsePositives(roots, plainSwim(roots), await withoutLifeguard())
  const all = (100 * ours.all) / Math.max(1, plain.all)
  const atHealthy = (100 * ours.atHealthy) / Math.max(1, plain.atHealthy)
  return {
    text: `${ours.all} against ${plain.all}: ${all.toFixed(2)} %; at healthy members ${ours.atHealthy} against ${plain.atHealthy}: ${atHealthy.toFixed(2)} %`,
    p50: all,
    p99: atHealthy,
    met: all <= lifeguard.all && atHealthy <= lifeguard.atHealthy,
  }
}

const usual = [10, 100, 1_000]

/** The rows of the table; those that hurt a mesh most come last. */
export const targets: readonly Target[] = [
  {
    id: 'change',
    what: 'a change is at 99.99 % of the nodes (p50 / p99)',
    anchor: 'Serf 2.0 / 2.2 / 2.6 s',
    target: '≤ 0.5 / 1 / 1.5 s at 100 / 1k / 10k',
    sizes: usual,
    longSizes: [10_000],
    measure: change,
  },
  {
    id: 'idle',
    what: 'idle traffic per root (sent, with framing)',
    anchor: 'memberlist 0.54, Rapid 0.71 KB/s',
    target: '≤ 1.5 KB/s at 1 s probes',
    sizes: usual,
    longSizes: [10_000],
    measure: idle,
  },
  {
    id: 'crash',
    what: 'a crash is known everywhere (p50 / p99)',
    anchor: 'actor-ts 5 s, Consul ~10 s',
    target: '≤ 0.5 / 2 s',
    sizes: usual,
    longSizes: [10_000],
    measure: crash,
  },
  {
    id: 'hang',
    what: 'a root that hangs is known everywhere (p50 / p99)',
    anchor: 'Lifeguard 12.45 / 17.9 s',
    target: '≤ 5 / 9 s',
    sizes: usual,
    longSizes: [10_000],
    measure: hang,
  },
  {
    id: 'host',
    what: 'a host that lost power is known everywhere (p50 / p99)',
    anchor: 'Lifeguard 12.45 / 17.9 s',
    target: '≤ 5 / 9 s',
    sizes: usual,
    longSizes: [10_000],
    measure: lostHost,
  },
  {
    id: 'succession',
    what: 'a new arbiter that all follow, after a crash (p50 / p99)',
    anchor: 'Akka 25–45 s, lease locks 15 s',
    target: '≤ 1.2 s',
    sizes: usual,
    longSizes: [10_000],
    measure: (bench) => succession(bench, (simulation, arbiter) => simulation.crash(arbiter), 1_200),
  },
  {
    id: 'hung-arbiter',
    what: 'a new arbiter that all follow, after a hang (p50 / p99)',
    anchor: 'Akka 25–45 s, lease locks 15 s',
    target: '≤ 4.5 s',
    sizes: usual,
    longSizes: [10_000],
    measure: (bench) => succession(bench, (simulation, arbiter) => simulation.pause(arbiter, 60 * minute), 4_500),
  },
  {
    id: 'isolation',
    what: 'a root that hears nobody has given up all others (p50 / p99)',
    anchor: 'not known',
    target: '≤ 39 s, whatever their number',
    sizes: usual,
    longSizes: [10_000],
    measure: isolation,
  },
  {
    id: 'loss',
    what: '1 % of the nodes lose 80 % of all packets, for 3 min',
    anchor: 'Rapid exact, memberlist fails',
    target: 'exactly the faulty removed',
    sizes: [100, 1_000],
    measure: (bench) => sick(bench, 'loss'),
  },
  {
    id: 'flapping',
    what: '1 % of the nodes are not heard 20 s of every 40, for 3 min',
    anchor: 'Rapid exact, memberlist fails',
    target: 'exactly the faulty removed',
    sizes: [100, 1_000],
    measure: (bench) => sick(bench, 'flapping'),
  },
  {
    id: 'heal',
    what: 'two halves meet: one arbiter, equal digests',
    anchor: 'Akka downs one side',
    target: '≤ 10 s (500 + 500)',
    sizes: usual,
    measure: heal,
  },
  {
    id: 'storm',
    what: 'so many join at once, until all know all',
    anchor: 'Akka 155 s, Rapid ~45 s, memberlist 95 s',
    target: '≤ 15 s (1,000), ≤ 30 s (2,000)',
    sizes: [100, 1_000, 2_000],
    measure: storm,
  },
  {
    id: 'latecomers',
    what: 'a tenth joins at once, while the others are there, until all know all',
    anchor: 'not known',
    target: '≤ 30 s',
    sizes: [],
    longSizes: [10_000],
    measure: latecomers,
  },
  {
    id: 'false-positives',
    what: 'living called dead on the Lifeguard grid, against plain SWIM settings',
    anchor: 'Lifeguard 1.53 % (1.89 % at healthy members)',
    target: 'no more than either',
    sizes: [128],
    measure: falsePositives,
  },
]
