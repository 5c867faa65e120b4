import { profiles } from '../discovery/profile.ts'
import { whyNoNetwork } from '../test/hosts/support/network.ts'
import type { Measure } from './measure.ts'

/** Milliseconds in which a host that is cut off has to be known as gone: a probe, its repetition, and the longest suspicion. */
const { probe, suspicion } = profiles.lan
const NOTICED_MS = probe.interval + probe.timeout + probe.indirect + suspicion.max

const ON_HOSTS = { ours: 'hosts', base: 'none' } as const

/** Between hosts, which are network namespaces on this machine. */
export const HOSTS_MEASURES: readonly Measure[] = [
  {
    id: 'hosts-join',
    pairs: ['hosts'],
    whyNot: whyNoNetwork,
    command: (windowMs) => ({ type: 'hosts', what: 'join', windowMs }),
    rows: [
      {
        id: 'hosts-join',
        name: 'a new host by invitation, start to first call',
        unit: 'ms',
        metric: 'ms',
        ...ON_HOSTS,
      },
      {
        id: 'hosts-join-floor',
        name: '  start and dial of a bare libp2p node',
        unit: 'ms',
        metric: 'floor',
        ...ON_HOSTS,
      },
      {
        id: 'hosts-join-beyond',
        name: '  beyond that',
        unit: 'ms',
        metric: 'beyond',
        ...ON_HOSTS,
        targets: [{ of: 'value', atMost: 500 }],
      },
    ],
  },
  {
    id: 'hosts-calls',
    pairs: ['hosts'],
    whyNot: whyNoNetwork,
    command: (windowMs) => ({ type: 'hosts', what: 'calls', windowMs }),
    rows: [
      { id: 'hosts-calls', name: 'calls between hosts, 1 in flight', unit: 'calls/s', metric: 'rate', ...ON_HOSTS },
      {
        id: 'hosts-calls-share',
        name: '  over those by the loopback interface',
        unit: '×',
        metric: 'share',
        ...ON_HOSTS,
        targets: [{ of: 'value', atLeast: 0.9 }],
      },
      {
        id: 'hosts-calls-many',
        name: 'calls between hosts, 64 in flight',
        unit: 'calls/s',
        metric: 'many',
        ...ON_HOSTS,
      },
      {
        id: 'hosts-calls-many-share',
        name: '  over those by the loopback interface (64)',
        unit: '×',
        metric: 'manyShare',
        ...ON_HOSTS,
        targets: [{ of: 'value', atLeast: 0.9 }],
      },
    ],
  },
  {
    id: 'hosts-spawn',
    pairs: ['hosts'],
    whyNot: whyNoNetwork,
    command: (windowMs) => ({ type: 'hosts', what: 'spawn', windowMs }),
    rows: [
      { id: 'hosts-spawn', name: 'spawn on another host to first result', unit: 'ms', metric: 'ms', ...ON_HOSTS },
      {
        id: 'hosts-spawn-times',
        name: '  over one below the same caller',
        unit: '×',
        metric: 'times',
        ...ON_HOSTS,
        targets: [{ of: 'value', atMost: 1.3 }],
      },
    ],
  },
  {
    id: 'hosts-cut',
    pairs: ['hosts'],
    whyNot: whyNoNetwork,
    command: (windowMs) => ({ type: 'hosts', what: 'cut', windowMs }),
    rows: [
      {
        id: 'hosts-cut',
        name: 'a cut host is out of the last registry (lan)',
        unit: 'ms',
        metric: 'noticed',
        ...ON_HOSTS,
        targets: [{ of: 'worst', atMost: NOTICED_MS }],
      },
      {
        id: 'hosts-cut-calls',
        name: '  a call to it is rejected',
        unit: 'ms',
        metric: 'rejected',
        ...ON_HOSTS,
        targets: [{ of: 'worst', atMost: NOTICED_MS }],
      },
    ],
  },
]
