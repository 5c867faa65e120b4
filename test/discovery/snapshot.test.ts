import { describe, expect, test } from 'vitest'
import { createCore } from '../../discovery/core/state.ts'
import { profiles } from '../../discovery/profile.ts'
import { readSnapshot, type SnapshotRequest } from '../../discovery/read-snapshot.ts'
import type { DiscoverySnapshot } from '../../discovery/snapshot.ts'
import { seeded } from '../simulator/rng.ts'
import { deadline } from '../support/headroom.ts'
import { CoreHarness, endFact, events, known, record, recordFact } from './support/core-harness.ts'

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
    election: { mode: 'elastic', committee: ['me', 'b'] },
    ended: [{ id: 'gone', incarnation: 6, how: 'dead', by: { id: 'someone', name: '' }, agoMs: 10_000 }],
    suspicions: [],
    claims: [],
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
  const { arbiter, election } = readSnapshot(core.state, request)
  const { term } = election
  expect(arbiter).toEqual({ id: 'me', name: 'me', term, incarnation: 5, self: true, provisional: false })
  expect(election).toMatchObject({ role: 'arbiter', committee: ['me'] })
})

test('it tells who suspects whom, until that is refuted', () => {
  const core = new CoreHarness(record('me', { inc: 5, name: 'me' }))
  core.start()
  for (const id of ['b', 'c', 'd']) core.meet(id, { inc: 7, name: `name of ${id}` })
  const effects = core.learn([{ kind: 'suspect', accusation: { peerId: 'b', inc: 7, rev: 0, by: 'c', age: 0 } }], 'c')
  expect(events(effects)).toContainEqual({ type: 'suspected', peerId: 'b', by: 'c' })
  const suspected = readSnapshot(core.state, { ...request, now: core.now })
  expect(suspected.suspicions).toMatchObject([{ accused: { id: 'b', name: 'name of b' }, by: [{ id: 'c' }], forMs: 0 }])
  expect(suspected.suspicions[0]!.inMs).toBeGreaterThan(0)
  expect(suspected.members.find(({ id }) => id === 'b')!.status).toBe('suspect')
  expect(suspected.counts.suspects).toBe(1)
  const refuted = core.learn([recordFact('b', { inc: 7, rev: 1, name: 'name of b' })], 'b')
  expect(events(refuted)).toContainEqual({ type: 'refuted', peerId: 'b' })
  expect(readSnapshot(core.state, request)).toMatchObject({ suspicions: [], counts: { suspects: 0 } })
})

test('the latest ends come first, and no more than 100 of them', () => {
  const core = new CoreHarness(record('me', { inc: 5 }))
  core.start()
  for (let i = 0; i < 150; i++) core.learn([recordFact(`r${i}`, { inc: 6 }), endFact(`r${i}`, { inc: 6 })])
  const { ended, counts } = readSnapshot(core.state, { ...request, now: core.now })
  expect(counts.ended).toBe(150)
  expect(ended.map(({ id }) => id)).toEqual(Array.from({ length: 100 }, (_, i) => `r${149 - i}`))
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
