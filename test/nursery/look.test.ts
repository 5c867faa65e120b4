import { expect, test } from 'vitest'
import {
  claim,
  discovery,
  type DiscoveryEvent,
  failAfter,
  findActors,
  getArbiter,
  InvalidArgument,
  joinMesh,
  sleep,
} from '../../index.ts'
import { MAX_SNAPSHOT_ENTRIES, SNAPSHOT_MEMBERS } from '../../discovery/snapshot.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { crew } from './fixtures/crew.ts'

useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/crew-program.ts', import.meta.url)

test('events tell of links, actors and their ends, and who said so, and a snapshot of what is there', async () => {
  await using mesh = await joinMesh({ mesh: 'test', name: 'port', modules: [crew] })
  await failAfter(deadline(5_000), getArbiter)
  const seen: DiscoveryEvent[] = []
  const watching = failAfter(deadline(20_000), async () => {
    for await (const event of discovery.events()) {
      seen.push(event)
      if (event.type === 'down' && event.actor.name === 'ship') break
    }
  })
  await sleep(1)
  const ship = await startProgram(program, { args: ['test', 'ship', '2'] })
  const [, id = ''] = /^ready (\S+)/.exec(await ship.waitForLine(/^ready/)) ?? []
  await eventually('both hands are known', () => findActors('hand').length === 2)
  const { members, arbiter, self, links, counts, election, counters } = discovery.snapshot()
  expect(self).toMatchObject({ name: 'port', id: mesh.actor.id, parent: null, joined: true })
  expect(arbiter).toMatchObject({ name: 'port', id: mesh.actor.id, self: true, incarnation: self.incarnation })
  expect(members.map(({ name }) => name)).toEqual(['port', 'ship', 'hand', 'hand'])
  expect(members.filter(({ root }) => root === id).map(({ version }) => version)).toEqual(['7.1', '7.1', '7.1'])
  expect(members.filter(({ linked }) => linked).map((member) => member.id)).toEqual([id])
  expect(links).toEqual([{ name: 'ship', id }])
  expect(election).toMatchObject({ mode: 'elastic', role: 'arbiter', committee: [mesh.actor.id, id] })
  expect(counters['refusedMessages']).toBe(0)
  expect(counts).toMatchObject({ actors: 4, roots: 2, links: 1 })
  ship.kill('SIGKILL')
  await watching
  const of = (type: DiscoveryEvent['type']): DiscoveryEvent[] => seen.filter((event) => event.type === type)
  expect(of('linkUp')).toMatchObject([{ peer: { id } }])
  expect(of('linkDown')).toMatchObject([{ peer: { name: 'ship', id } }])
  expect(of('up')).toMatchObject([
    { actor: { name: 'ship', tags: ['captain'] } },
    { actor: { name: 'hand' } },
    { actor: { name: 'hand' } },
  ])
  const port = { name: 'port', id: mesh.actor.id }
  expect(of('down')).toMatchObject([{ actor: { name: 'ship', id }, why: 'dead', by: port }])
  for (const { at } of seen) expect(Math.abs(Date.now() - at)).toBeLessThan(deadline(30_000))
  await ship.waitForExit()
})

test('pages of a snapshot follow each other, and what is no page is refused', async () => {
  await using _mesh = await joinMesh()
  expect(discovery.snapshot({ limit: 0 })).toMatchObject({ members: [], next: null, counts: { actors: 1 } })
  const { members } = discovery.snapshot({ limit: 1 })
  expect(members).toHaveLength(1)
  expect(discovery.snapshot({ limit: SNAPSHOT_MEMBERS }).members).toEqual(members)
  for (const limit of [-1, 1.5, MAX_SNAPSHOT_ENTRIES + 1, '3', Number.NaN] as number[])
    expect(() => discovery.snapshot({ limit })).toThrow(InvalidArgument)
  for (const after of ['', 'x', 7, '1.'] as string[])
    expect(() => discovery.snapshot({ after })).toThrow("after is the 'next' of a former snapshot")
})

test('a claim is among the events when it is granted and given up, and in the snapshot in between', async () => {
  await using _mesh = await joinMesh()
  const seen: DiscoveryEvent[] = []
  const watching = failAfter(deadline(10_000), async () => {
    for await (const event of discovery.events()) {
      if (event.type === 'claimed' || event.type === 'claimLost') seen.push(event)
      if (event.type === 'claimLost') break
    }
  })
  const crown = await failAfter(deadline(10_000), () => claim('crown'))
  const { term, serial } = crown.token
  expect(discovery.snapshot().claims).toEqual([{ name: 'crown', held: { term, serial }, holder: null }])
  await crown.release()
  await watching
  expect(seen).toMatchObject([
    { type: 'claimed', name: 'crown', term, serial },
    { type: 'claimLost', name: 'crown', why: 'released', holder: undefined },
  ])
  expect(discovery.snapshot().claims).toEqual([])
})

test('without an actor there is nothing to look at', () => {
  expect(() => discovery.snapshot()).toThrow(expect.objectContaining({ code: 'NO_ACTOR' }))
  expect(() => discovery.events()).toThrow(expect.objectContaining({ code: 'NO_ACTOR' }))
})
