import { describe, expect, test } from 'vitest'
import { createCore } from '../../discovery/core/state.ts'
import { profiles } from '../../discovery/profile.ts'
import { readSnapshot, type DiscoverySnapshot, type SnapshotRequest } from '../../discovery/snapshot.ts'
import { seeded } from '../simulator/rng.ts'
import { deadline } from '../support/headroom.ts'
import { CoreHarness, endFact, known, record, recordFact } from './support/core-harness.ts'

const request: SnapshotRequest = {
  mesh: 'sim',
  self: { name: 'me', id: 'me' },
  now: 0,
  at: 1,
  limit: 1_000,
  after: undefined,
}

test('it tells of members, arbiter, neighbours and counters as plain data', () => {
  const core = new CoreHarness(record('me', { inc: 5, name: 'me' }))
  core.start()
  core.meet('b', { inc: 7, name: 'bee', meta: { tags: ['gpu'], groups: ['all'], version: '1.2' } })
  core.learn([recordFact('child', { parent: 'b', root: 'b', inc: 8, name: 'child', status: 'leaving' })])
  core.learn([recordFact('gone', { inc: 6 }), endFact('gone', { inc: 6 })])
  core.pass(10_000)
  const snapshot = readSnapshot(core.state, { ...request, now: core.now })
  expect(snapshot).toMatchObject({
    at: 1,
    mesh: 'sim',
    profile: 'loopback',
    self: { name: 'me', id: 'me', root: 'me', parent: null, incarnation: 5, joined: true, leaving: false },
    committee: ['me', 'b'],
    counts: { actors: 3, roots: 2, hidden: 0, ended: 1, links: 1 },
    links: [{ id: 'b', name: 'bee' }],
    next: null,
  })
  expect(snapshot.members.map(({ id, status, linked }) => [id, status, linked])).toEqual([
    ['me', 'up', false],
    ['b', 'up', true],
    ['child', 'leaving', false],
  ])
  expect(snapshot.members[1]).toMatchObject({ tags: ['gpu'], groups: ['all'], version: '1.2', parent: null, root: 'b' })
  expect(snapshot.members[2]).toMatchObject({ tags: [], groups: [], version: null, parent: 'b' })
  expect(snapshot.counters['syncs']).toBeGreaterThan(0)
  expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot)
})

test('it tells of the arbiter, of itself too', () => {
  const core = new CoreHarness(record('me', { inc: 5, name: 'me' }))
  core.start()
  core.pass(1_000)
  const { arbiter, term } = readSnapshot(core.state, request)
  expect(arbiter).toEqual({ id: 'me', name: 'me', term, incarnation: 5, self: true })
})

test('actors that know the same have the same digest, others another', () => {
  const digestOf = (...ids: string[]): string => {
    const state = createCore({ profile: profiles.loopback })
    for (const id of ids) state.registry.mergeRecord(known(id), 0)
    return readSnapshot(state, request).digest
  }
  expect(digestOf('a', 'b')).toBe(digestOf('b', 'a'))
  expect(digestOf('a', 'b')).not.toBe(digestOf('a', 'c'))
})

describe('in a mesh of 10,000', () => {
  const state = createCore({ profile: profiles.loopback })
  const rng = seeded(3)
  for (let i = 0; i < 10_000; i++) state.registry.mergeRecord(known(`id${i}`, { inc: Math.floor(rng() * 5_000) }), 0)

  const page = (limit: number, next: string | null): DiscoverySnapshot => {
    const [, inc = '', peerId = ''] = /^(\d+)\.(.*)$/.exec(next ?? '') ?? []
    return readSnapshot(state, { ...request, limit, after: next === null ? undefined : { inc: Number(inc), peerId } })
  }

  test.each([1_000, 999, 7_000, 10_000])('pages of %i hold each member once, the oldest first', (limit) => {
    const all: { id: string; incarnation: number }[] = []
    let next: string | null = null
    do {
      const { members, next: following } = page(limit, next)
      expect(members.length).toBeLessThanOrEqual(limit)
      all.push(...members)
      next = following
    } while (next !== null && all.length <= 10_000)
    const ages = all.map(({ incarnation }) => incarnation)
    expect(ages).toEqual(ages.toSorted((a, b) => a - b))
    expect(new Set(all.map(({ id }) => id)).size).toBe(10_000)
    expect(all).toHaveLength(10_000)
  })

  test('a page of none counts everybody', () => {
    expect(page(0, null)).toMatchObject({ members: [], counts: { actors: 10_000, roots: 10_000 } })
  })

  test('a page is read while nobody notices', () => {
    const times = Array.from({ length: 9 }, () => {
      const began = performance.now()
      page(1_000, null)
      return performance.now() - began
    })
    expect(times.toSorted((a, b) => a - b)[4]).toBeLessThan(deadline(30))
  })
})
