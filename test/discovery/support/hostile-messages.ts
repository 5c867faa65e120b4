import type { ActorRecord } from '../../../discovery/record.ts'
import type { RandomSource } from '../../rpc/fixtures/random.ts'
import { seal } from '../../simulator/actor.ts'

/** The one that is attacked. */
export const SELF = 'm'
/** Roots, with children and children of those, the attacked one among them. */
export const IDS = ['a', 'b', 'm', 'x', 'y', 'z', 'a.1', 'a.1.1', 'm.1', 'm.2', 'm.2.1', 'z.9']

const TYPES = [
  'facts',
  'sync',
  'buckets',
  'state',
  'prevote',
  'vote',
  'prevoted',
  'voted',
  'beat',
  'beaten',
  'release',
  'handover',
  'rollcall',
  'roll',
  'probe',
  'ack',
  'probeRequest',
  'nack',
  'claims',
  'granted',
] as const

export function pick<T>(random: RandomSource, values: readonly T[]): T {
  return values[random.int(values.length)]!
}

/** Mostly small numbers, which meet, and some at the edges. */
function hostileNumber(random: RandomSource): number {
  if (random.chance(0.8)) return 998 + random.int(5)
  return pick(random, [0, 1, 2 ** 20, 2 ** 20 + 1, 2 ** 32, 2 ** 48, 2 ** 48 + 1, 2 ** 53 - 2, 2 ** 53 - 1])
}

/** A record that its owner signed, which may claim any parent and any life. */
export function hostileRecord(random: RandomSource, peerId = pick(random, IDS)): ActorRecord {
  const natural = peerId.split('.').slice(0, -1).join('.')
  const parent = random.chance(0.9) ? natural : random.chance(0.5) ? pick(random, IDS) : ''
  const above = parent === '' || parent === peerId ? { root: peerId } : { parent, root: parent.split('.')[0]! }
  const root = random.chance(0.95) || above.root === peerId ? above.root : pick(random, IDS)
  return {
    mesh: 'sim',
    peerId,
    name: `name ${random.int(4)}`,
    ...above,
    root,
    inc: hostileNumber(random),
    rev: random.chance(0.7) ? random.int(3) : hostileNumber(random),
    seq: random.int(3),
    addrs: [`/x/${random.int(3)}`],
    status: pick(random, ['up', 'up', 'up', 'up', 'leaving', 'left'] as const),
    modules: [],
    meta: random.chance(0.2) ? { groups: [`g${random.int(2)}`] } : {},
  }
}

/** A message of some type as it comes from the wire: mostly well formed, with any content. */
export function hostileMessage(random: RandomSource, type: string = pick(random, TYPES)): unknown {
  const message = { type, ...fieldsOf(random, type) }
  return random.chance(0.1) ? damaged(random, message) : message
}

function fieldsOf(random: RandomSource, type: string): Record<string, unknown> {
  const number = (): number => hostileNumber(random)
  const id = (): string => pick(random, IDS)
  const token = (): unknown[] => [number(), number(), id()]
  const fence = (): unknown[] => [...token(), number()]
  const claim = random.chance(0.5) ? null : [...token(), random.chance(0.7)]
  const digest = [random.int(20), random.int(2 ** 32), random.int(2 ** 32)]
  const facts = Array.from({ length: random.int(6) }, () => hostileFact(random))
  const level = 4 + random.int(8)
  const position = random.chance(0.5) ? 0 : random.int(65_536)
  const some = <T>(make: () => T): T[] => Array.from({ length: random.int(4) }, make)
  return {
    facts,
    claim,
    digest,
    level,
    position,
    sums:
      type === 'buckets' ? random.bytes((2 ** level - Math.floor((position * 2 ** level) / 65_536)) * 8) : undefined,
    more: random.chance(0.3),
    answer: random.chance(0.3),
    until: random.chance(0.5) ? 65_536 : random.int(65_536),
    differs: random.bytes(pick(random, [0, 2, 4, 32])),
    term: number(),
    inc: number(),
    granted: random.chance(0.5),
    seen: number(),
    token: token(),
    beat: random.int(5),
    seq: random.int(20),
    target: id(),
    name: `name ${random.int(4)}`,
    id: random.int(5),
    weight: number(),
    voted: random.chance(0.5) ? null : [number(), id()],
    actor: id(),
    life: number(),
    round: random.int(10),
    wants: some(() => [random.int(4), `name ${random.int(3)}`, random.chance(0.5) ? null : fence(), number()]),
    arbiter: token(),
    answers: some(() => {
      const outcome = pick(random, ['held', 'waits', 'lost', 'full'])
      const detail = outcome === 'held' ? fence() : outcome === 'full' ? 'claims' : random.chance(0.5) ? null : id()
      return [random.int(4), outcome, detail]
    }),
    ...(type === 'claims' ? {} : { electors: null }),
  }
}

function hostileFact(random: RandomSource): unknown {
  const kind = random.int(10)
  const peerId = random.chance(0.9) ? pick(random, IDS) : `stranger ${random.int(1_000)}`
  const life = [hostileNumber(random), random.chance(0.7) ? random.int(3) : hostileNumber(random)]
  const age = random.chance(0.8) ? random.int(1_000) : random.int(2 ** 40)
  if (kind < 5) {
    const { bytes, signature } = seal(hostileRecord(random))
    return ['record', bytes, signature]
  }
  if (kind < 8) return ['end', peerId, ...life, random.chance(0.7) ? 'dead' : 'left', pick(random, IDS), age]
  return ['suspect', peerId, ...life, pick(random, IDS), age]
}

/** The same with one part replaced by something else. */
function damaged(random: RandomSource, message: Record<string, unknown>): unknown {
  if (random.chance(0.1)) return random.value(2)
  const field = pick(random, Object.keys(message))
  const junk = [null, undefined, -1, 2 ** 60, '', 'x', [], {}, true, Number.NaN, new Uint8Array(3), 1n]
  return { ...message, [field]: random.chance(0.5) ? pick<unknown>(random, junk) : random.value(2) }
}
