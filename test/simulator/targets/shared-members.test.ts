import { describe, expect, test } from 'vitest'
import type { Known } from '../../../discovery/core/fact.ts'
import { coreLimits } from '../../../discovery/core/limits.ts'
import { Registry } from '../../../discovery/core/registry.ts'
import { signAs } from '../actor.ts'
import { pick, seeded, wholeBetween } from '../rng.ts'
import type { Rng } from '../rng.ts'
import { membersOf, SharedMembers } from './shared-members.ts'

const times = { tombstoneTtl: 10_000, hiddenTtl: 1_000 }

function recordOf(index: number, rng?: Rng): Known {
  const root = `r${index % 7}`
  const parent = index < 7 ? undefined : index < 30 ? root : `a${7 + (index % 7)}`
  const id = parent === undefined ? root : `a${index}`
  const version =
    rng === undefined
      ? { inc: 5, rev: 0, seq: 0 }
      : { inc: 5, rev: wholeBetween(rng, 0, 2), seq: wholeBetween(rng, 0, 2) }
  return signAs({ id, name: `n${index % 5}`, parent, root, address: `/${id}`, edits: 0 }, { ...version, status: 'up' })
}

/** All that can be seen of a registry. */
function seen(registry: Registry, now: number): unknown {
  const none = new Uint8Array(2 ** 6 * 8)
  return {
    digest: registry.digest,
    sums: registry.sums(6, 0),
    size: registry.size,
    ended: registry.ended,
    roots: [...registry.roots()].map(({ peerId }) => peerId).toSorted(),
    actors: [...registry.actors()].map(({ peerId, rev, seq }) => `${peerId} ${rev} ${seq}`).toSorted(),
    elders: registry.elders().map(({ peerId }) => peerId),
    named: registry.find('n1').map(({ peerId }) => peerId),
    told: [...registry.difference(0, 65_536, registry.compare(6, 0, none), now)]
      .flatMap(({ facts }) => facts.map((fact) => JSON.stringify(fact.kind === 'end' ? fact.end : fact.kind)))
      .toSorted(),
  }
}

describe('members that are shared', () => {
  const records = Array.from({ length: 60 }, (_, index) => recordOf(index))
  const shared = membersOf(records)

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'a registry over them is as one that was told all, whatever happens (%i)',
    (seed) => {
      const rng = seeded(seed)
      const own = new Registry(times)
      for (const known of records) own.mergeRecord(known, 0)
      const difference = new Registry(times, coreLimits, new SharedMembers(shared))
      for (let now = 0; now < 4_000; now += 20) {
        const index = wholeBetween(rng, 0, 65)
        const known = recordOf(index, rng)
        const { peerId } = known.record
        const end = {
          peerId,
          inc: 5,
          rev: wholeBetween(rng, 0, 2),
          state: pick(rng, ['dead', 'left'] as const) ?? 'dead',
          by: 'r0',
          age: 0,
        }
        const both = [own, difference].map((registry) =>
          index % 3 === 0 ? registry.mergeEnd(end, now) : registry.mergeRecord(known, now),
        )
        expect(both[1]?.outcome).toBe(both[0]?.outcome)
        if (now % 500 === 0) for (const registry of [own, difference]) registry.sweep(now)
        expect(seen(difference, now)).toEqual(seen(own, now))
      }
      expect(own.ended).toBeGreaterThan(0)
    },
  )

  test('are not changed by that', () => {
    expect(seen(new Registry(times, coreLimits, new SharedMembers(shared)), 0)).toEqual(
      seen(new Registry(times, coreLimits, new SharedMembers(membersOf(records))), 0),
    )
  })
})
