import { HOSTS_MEASURES } from './hosts-measures.ts'
import type { Measure, RowPlan } from './measure.ts'
import type { Lifetime, MeshEvent } from './subject.ts'

const BYTE_FLOORS = ['libp2p', 'tcp', 'tls'] as const
const FLOORS = [...BYTE_FLOORS, 'ipc'] as const
const STOCK = { ours: 'stock' } as const

/** The targets stand beside the rows that they are about; a target is never a reason for the bench to fail. */
export const MEASURES: readonly Measure[] = [
  {
    id: 'calls-1',
    pairs: ['greenroom', 'stock', ...FLOORS],
    command: (windowMs) => ({ type: 'calls', inFlight: 1, windowMs }),
    rows: [
      row('calls-1', 'calls, 1 in flight', 'calls/s', 'rate', { targets: [{ of: 'ratio', atLeast: 1.5 }] }),
      row('calls-1-p50', '  its median', 'µs', 'p50'),
      row('calls-1-p99', '  its 99th percentile', 'µs', 'p99'),
      row('calls-1-stock', 'calls, 1 in flight, stock path', 'calls/s', 'rate', {
        ...STOCK,
        targets: [{ of: 'ratio', atLeast: 0.9 }],
      }),
    ],
  },
  {
    id: 'calls-64',
    pairs: ['greenroom', ...FLOORS],
    command: (windowMs) => ({ type: 'calls', inFlight: 64, windowMs }),
    rows: [row('calls-64', 'calls, 64 in flight', 'calls/s', 'rate', { targets: [{ of: 'ratio', atLeast: 0.7 }] })],
  },
  {
    id: 'calls-256',
    pairs: ['greenroom', ...FLOORS],
    command: (windowMs) => ({ type: 'calls', inFlight: 256, windowMs }),
    rows: [
      row('calls-256', 'calls, 256 in flight', 'calls/s', 'rate', {
        targets: [
          { of: 'ratio', atLeast: 0.7 },
          { of: 'value', atLeast: 200_000 },
        ],
      }),
    ],
  },
  {
    id: 'stream',
    pairs: ['greenroom', ...FLOORS],
    command: (windowMs) => ({ type: 'pull', kind: 'items', windowMs }),
    rows: [
      row('stream', 'stream of small items', 'items/s', 'rate', {
        targets: [
          { of: 'ratio', atLeast: 0.4 },
          { of: 'value', atLeast: 1_000_000 },
        ],
      }),
    ],
  },
  {
    id: 'bulk',
    pairs: ['greenroom', 'stock', ...FLOORS],
    command: (windowMs) => ({ type: 'pull', kind: 'pieces', windowMs }),
    rows: [
      row('bulk', 'bulk in 64 KiB pieces', 'MB/s', 'rate', { targets: [{ of: 'ratio', atLeast: 1.3 }] }),
      row('bulk-stock', 'bulk in 64 KiB pieces, stock path', 'MB/s', 'rate', {
        ...STOCK,
        targets: [{ of: 'ratio', atLeast: 1 }],
      }),
      row('bulk-consumer', '  processor time of the consumer', 'µs/MB', 'consumer'),
      row('bulk-consumer-stock', '  of the consumer, stock path', 'µs/MB', 'consumer', STOCK),
      row('bulk-producer', '  processor time of the producer', 'µs/MB', 'producer'),
      row('bulk-producer-stock', '  of the producer, stock path', 'µs/MB', 'producer', STOCK),
    ],
  },
  {
    id: 'beside',
    pairs: ['greenroom', ...BYTE_FLOORS],
    command: (windowMs) => ({ type: 'beside', windowMs: 2 * windowMs }),
    rows: [
      row('beside-idle-p50', 'calls beside no stream, median', 'µs', 'idleP50'),
      row('beside-idle', '  99th percentile beside none', 'µs', 'idle'),
      row('beside-p50', 'calls beside a bulk stream, median', 'µs', 'p50'),
      row('beside', '  99th percentile beside bulk', 'µs', 'p99'),
      row('beside-over-idle', '  over the one beside no stream', '×', 'over', {
        base: 'none',
        targets: [{ of: 'value', atMost: 3 }],
      }),
      row('beside-bulk', '  bulk meanwhile', 'MB/s', 'bulk'),
    ],
  },
  {
    id: 'cold',
    pairs: ['greenroom', 'libp2p'],
    command: () => ({ type: 'cold' }),
    rows: [
      row('cold', 'first call to an actor found by name', 'ms', 'ms', { targets: [{ of: 'ratio', atMost: 1.3 }] }),
    ],
  },
  {
    id: 'spawn',
    pairs: ['greenroom', 'ipc'],
    command: () => ({ type: 'spawn' }),
    rows: [
      row('spawn', 'spawn to first result (floor: a bare fork)', 'ms', 'ms', {
        base: 'ipc',
        targets: [
          { of: 'ratio', atMost: 4 },
          { of: 'value', atMost: 150 },
        ],
      }),
      row('memory', 'resident memory of a new process (a bare fork)', 'MB', 'mb', {
        base: 'ipc',
        targets: [{ of: 'value', atMost: 80 }],
      }),
    ],
  },
  lifetime('warm', 'the same, a warm process', 'ms', 15),
  lifetime('thread', 'the same, a thread', 'ms', 100),
  lifetime('many', '25 actors at once, each answering once', 'ms', 1_500),
  lifetime('cancel', 'cancel of 3 idle daemons, to the last exit', 'ms', 50),
  lifetime('reap', 'a fourth one fails, 3 siblings are reaped', 'ms', 60),
  lifetime('idle', 'processor time of an idle actor', '%', 0.3),
  meshEvent('visible', ['a ready actor is known to a root', '  to the last of 16 roots'], { worst: 300 }),
  meshEvent('killed', ['a killed actor is out of a registry', '  out of the last of 16'], { p50: 500, worst: 2_000 }),
  meshEvent('root', ['a killed root is out of a registry', '  out of the last of 15'], { p50: 500, worst: 2_000 }),
  meshEvent('frozen', ['a frozen root is out of a registry', '  a frozen one out of the last of 15'], { worst: 5_000 }),
  meshEvent('arbiter', ['a new arbiter after a kill is known to a root', '  known to the last of 15'], {
    worst: 1_200,
  }),
  ...HOSTS_MEASURES,
  {
    id: 'allocation',
    pairs: ['greenroom', ...FLOORS],
    command: (windowMs) => ({ type: 'allocation', inFlight: 64, windowMs }),
    rows: [
      row('allocation-caller', 'heap that a call allocates, caller (64)', 'bytes', 'caller'),
      row('allocation-callee', 'heap that a call allocates, callee (64)', 'bytes', 'callee'),
    ],
  },
  {
    id: 'step',
    pairs: ['greenroom'],
    command: (windowMs) => ({ type: 'step', windowMs }),
    rows: [
      row('step', 'step of the discovery core, 1,000 roots', 'µs', 'us', {
        base: 'none',
        targets: [{ of: 'value', atMost: 5 }],
      }),
    ],
  },
]

/**
 * The measures that a list of ids names, in the order of the table; `calls` names all whose id begins with it.
 *
 * @throws Error when one names none
 */
export function chooseMeasures(names: readonly string[] | undefined): readonly Measure[] {
  if (names === undefined) return MEASURES
  const matches = (name: string, { id }: Measure): boolean => id === name || id.startsWith(`${name}-`)
  const unknown = names.filter((name) => !MEASURES.some((measure) => matches(name, measure)))
  if (unknown.length > 0)
    throw new Error(
      `there is no measure named ${unknown.join(', ')}: choose from ${MEASURES.map(({ id }) => id).join(', ')}`,
    )
  return MEASURES.filter((measure) => names.some((name) => matches(name, measure)))
}

/** A number about the lives of actors, which no floor has. */
function lifetime(what: Lifetime, name: string, unit: string, atMost: number): Measure {
  return {
    id: what,
    pairs: ['greenroom'],
    command: () => ({ type: 'lifetime', what }),
    rows: [row(what, name, unit, 'value', { base: 'none', targets: [{ of: 'value', atMost }] })],
  }
}

/** How soon all roots of a mesh know of something: the median of the roots, and the last one. */
function meshEvent(
  what: MeshEvent,
  [name, last]: readonly [string, string],
  bounds: { readonly p50?: number; readonly worst: number },
): Measure {
  const id = `discovery-${what}`
  const { p50, worst } = bounds
  return {
    id,
    pairs: ['mesh'],
    command: () => ({ type: 'discovery', what }),
    rows: [
      row(id, name, 'ms', 'p50', {
        ours: 'mesh',
        base: 'none',
        ...(p50 === undefined ? {} : { targets: [{ of: 'value', atMost: p50 }] }),
      }),
      row(`${id}-last`, last, 'ms', 'worst', {
        ours: 'mesh',
        base: 'none',
        targets: [{ of: 'worst', atMost: worst }],
      }),
    ],
  }
}

function row(
  id: string,
  name: string,
  unit: string,
  metric: string,
  rest: Omit<RowPlan, 'id' | 'name' | 'unit' | 'metric'> = {},
): RowPlan {
  return { id, name, unit, metric, ...rest }
}
