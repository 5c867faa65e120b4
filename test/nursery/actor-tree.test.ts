import { describe, expect, test } from 'vitest'
import {
  type ActorTree,
  type ChildTree,
  describeTree,
  InvalidArgument,
  joinMesh,
  openNursery,
  showTree,
  sleep,
  waitForActor,
} from '../../index.ts'
import { MAX_DESCRIPTIONS } from '../../nursery/actor-process.ts'
import { MAX_TREE_CHILDREN, MAX_TREE_ENTRIES, MAX_TREE_TEXT } from '../../nursery/actor-tree.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import { describeActor } from '../../nursery/describe-tree.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { awaitGretchen, crashNow, described, direct, goDeaf, pid, rehearse, sing } from './fixtures/described.ts'

expectNothingLeft()

const modules = [described]
const childOf = ({ nurseries }: ActorTree, name: string): ChildTree | undefined =>
  nurseries.flatMap(({ children }) => children).find((child) => child.name === name)

/** A tree that fulfils a condition, within a bound: calls and actors come up one after the other. */
async function treeIn(what: string, condition: (tree: ActorTree) => boolean): Promise<ActorTree> {
  let tree = await describeTree()
  await eventually(what, async () => condition((tree = await describeTree())), 20_000)
  return tree
}

describe.each(['process', 'warm', 'thread'] as const)('the tree of actors of the kind %s', (startMethod) => {
  test('tells of actors, nurseries, tasks, calls and waits at every level, and since when', async () => {
    const before = Date.now()
    await using _mesh = await joinMesh({ name: 'opera', startMethod })
    await openNursery(async (nursery) => {
      const stage = await nursery.startActor('stage', { modules })
      const tenor = await nursery.startActor('tenor', { modules })
      nursery.start(async function staging() {
        await stage.run(direct, 'trapdoor', startMethod)
      })
      nursery.start(async () => await tenor.run(sing, 'stage'))
      nursery.start(async () => await tenor.run(awaitGretchen))
      await waitForActor('trapdoor')
      const tree = await treeIn(
        'the calls are under way',
        (now) => childOf(now, 'stage')?.actor?.serves.length === 2 && childOf(now, 'tenor')?.actor?.waits.length === 2,
      )
      nursery.cancel()

      expect(tree).toMatchObject({ name: 'opera', pid: process.pid, cancelled: undefined, leftOut: 0 })
      expect(tree.waits.map(({ what, actor }) => [what, actor?.id])).toEqual(
        expect.arrayContaining([
          ['calling described#direct in stage', stage.id],
          ['calling described#sing in tenor', tenor.id],
          ['calling described#awaitGretchen in tenor', tenor.id],
        ]),
      )
      expect(childOf(tree, 'staging')).toMatchObject({ kind: 'task', outcome: 'running', pid: undefined })
      const [above, beside] = [childOf(tree, 'stage')!, childOf(tree, 'tenor')!]
      expect(above).toMatchObject({ kind: 'actor', id: stage.id, startMethod, restarts: 0 })
      expect(above.silent).toBeUndefined()
      expect(above.actor).toMatchObject({ name: 'stage', id: stage.id, pid: above.pid })
      expect(
        above.actor!.serves.map(({ functionId, caller }) => `${functionId} for ${caller.name}`).toSorted(),
      ).toEqual(['described#direct for opera', 'described#rehearse for tenor'])
      expect(above.actor!.waits.map(({ what }) => what)).toContain('sleeping for 600000 ms')
      expect(beside.actor!.waits.map(({ what }) => what).toSorted()).toEqual([
        'calling described#rehearse in stage',
        "waiting for an actor named 'gretchen'",
      ])
      expect(childOf(above.actor!, 'trapdoor')?.actor).toMatchObject({ name: 'trapdoor', nurseries: [], serves: [] })
      expect(childOf(above.actor!, 'prompter')).toMatchObject({ kind: 'task' })
      for (const { since } of [tree, above, above.actor!, ...tree.waits, ...above.actor!.serves]) {
        expect(since).toBeGreaterThanOrEqual(before - 1_000)
        expect(since).toBeLessThanOrEqual(Date.now() + 1)
      }
    })
  })

  test('shows a deaf actor as silent, in time, and what its siblings tell', async () => {
    await using _mesh = await joinMesh({ name: 'opera', startMethod })
    await openNursery(
      async (nursery) => {
        const deaf = await nursery.startActor('deaf', { modules })
        await nursery.startActor('tenor', { modules })
        await deaf.run(goDeaf)
        const asked = performance.now()
        const tree = await describeTree({ timeoutMs: 400 })
        expect(performance.now() - asked).toBeLessThan(deadline(1_500))
        expect(childOf(tree, 'deaf')).toMatchObject({ outcome: 'running', silent: 'it has not answered within 400 ms' })
        expect(childOf(tree, 'deaf')?.actor).toBeUndefined()
        expect(childOf(tree, 'tenor')?.actor?.name).toBe('tenor')
        expect(showTree(tree)).toMatch(/actor deaf \(.+\): .*SILENT: it has not answered within 400 ms/)
        nursery.cancel()
      },
      { graceMs: 100 },
    )
  })
})

test('an actor that never answers is not asked without end', async () => {
  await using _mesh = await joinMesh({ name: 'opera' })
  await openNursery(
    async (nursery) => {
      const deaf = await nursery.startActor('deaf', { modules })
      await deaf.run(goDeaf)
      await Promise.all(Array.from({ length: MAX_DESCRIPTIONS }, () => describeTree({ timeoutMs: 50 })))
      const asked = performance.now()
      expect(childOf(await describeTree({ timeoutMs: 60_000 }), 'deaf')?.silent).toContain(
        `${MAX_DESCRIPTIONS} questions`,
      )
      expect(performance.now() - asked).toBeLessThan(deadline(1_000))
      nursery.cancel()
    },
    { graceMs: 100 },
  )
})

test('an actor below tells in time of its own child that does not', async () => {
  await using _mesh = await joinMesh({ name: 'opera' })
  await openNursery(
    async (nursery) => {
      const stage = await nursery.startActor('stage', { modules })
      nursery.start(async () => await stage.run(direct, 'trapdoor', 'process'))
      await (await waitForActor('trapdoor')).run(goDeaf)
      const tree = await describeTree({ timeoutMs: 1_000 })
      expect(childOf(childOf(tree, 'stage')!.actor!, 'trapdoor')?.silent).toBe('it has not answered within 750 ms')
      nursery.cancel()
    },
    { graceMs: 300 },
  )
})

test('an actor that is restarted says so, and who waits for it too', async () => {
  await using _mesh = await joinMesh({ name: 'opera', logLevel: 'error' })
  await openNursery(
    async (nursery) => {
      const diva = await nursery.startActor('diva', { modules })
      await diva.run(pid)
      const first = diva.id
      await diva.run(crashNow)
      const down = await treeIn('it is down', (tree) => childOf(tree, 'diva')?.outcome === 'restarting')
      expect(childOf(down, 'diva')?.restarts).toBe(1)
      expect(childOf(down, 'diva')?.actor).toBeUndefined()
      nursery.start(async () => await diva.run(rehearse))
      await treeIn('somebody waits', ({ waits }) =>
        waits.some(({ what }) => what === 'waiting for diva to be up again'),
      )
      const up = await treeIn('it is up', (tree) => childOf(tree, 'diva')?.actor?.serves.length === 1)
      expect(childOf(up, 'diva')?.actor?.id).not.toBe(first)
      nursery.cancel()
    },
    { strategy: 'one-for-one', backoff: { firstMs: 800, maxMs: 800 } },
  )
})

test('what is too much is counted: waits, texts and children are told up to their bounds', async () => {
  await using _mesh = await joinMesh({ name: 'opera' })
  await openNursery(async (nursery) => {
    for (let i = 0; i < 60; i++) nursery.start(async () => await sleep(600_000))
    const gone = 'x'.repeat(250)
    nursery.start(async () => await waitForActor(gone))
    const tree = await describeTree()
    expect(tree.waits).toHaveLength(MAX_TREE_ENTRIES)
    expect(tree.leftOut).toBe(61 - MAX_TREE_ENTRIES)
    expect(tree.nurseries[0]?.children).toHaveLength(61)
    const less = await describeActor(currentRuntime(), { timeoutMs: 100, children: 10 })
    expect(less.nurseries[0]).toMatchObject({ leftOut: 51 })
    expect(less.nurseries[0]?.children).toHaveLength(10)
    expect(showTree(less)).toContain('… and 51 more')
    const few = await describeActor(currentRuntime(), { timeoutMs: 100, children: 10, entries: 7 })
    expect(few).toMatchObject({ waits: { length: 7 }, serves: [], leftOut: 61 - 7 })
    expect(MAX_TREE_CHILDREN).toBeGreaterThan(1_000)
    nursery.cancel()
  })
  await openNursery(async (nursery) => {
    const gone = 'x'.repeat(250)
    nursery.start(async () => await waitForActor(gone))
    const [wait] = (await describeTree()).waits
    expect(wait?.what).toHaveLength(MAX_TREE_TEXT)
    nursery.cancel()
  })
})

test('what is told is given back when it is over: no wait stays in the books', async () => {
  await using _mesh = await joinMesh({ name: 'opera' })
  await sleep(1)
  await expect(waitForActor('opera')).resolves.toBeDefined()
  expect((await describeTree()).waits).toEqual([])
})

test('what cannot be described or shown is refused by name', async () => {
  await expect(describeTree()).rejects.toMatchObject({ code: 'NO_ACTOR' })
  expect(await failureOf(describeTree({ timeoutMs: 0 }))).toBeInstanceOf(InvalidArgument)
  expect(await failureOf(describeTree({ timeoutMs: Number.NaN }))).toBeInstanceOf(InvalidArgument)
  expect(() => showTree(undefined as never)).toThrow('showTree takes what describeTree gives, got undefined')
})

test('the text of a tree has one line for each entry, however its names are written', () => {
  const at = 10_000_000
  const empty = { at, cancelled: undefined, waits: [], serves: [], nurseries: [], leftOut: 0 }
  const tree: ActorTree = {
    ...empty,
    name: 'opera',
    id: '12D3KooWaaaabbbb',
    pid: 10,
    since: at - 90_500,
    waits: [{ what: 'sleeping for 5 ms', since: at - 1_250 }],
    nurseries: [
      {
        since: at - 4_000,
        cancelled: 'opera: nursery.cancel()',
        leftOut: 3,
        ended: [
          {
            kind: 'one-shot',
            name: 'extra',
            id: '12D3KooWffffgggg',
            since: at - 9_000,
            endedAt: at - 2_000,
            outcome: 'failed',
            why: 'RangeError: stage\nfright',
            restarts: 0,
          },
        ],
        children: [
          {
            kind: 'actor',
            name: 'fat\nlady',
            id: '12D3KooWccccdddd',
            outcome: 'running',
            pid: 11,
            startMethod: 'warm',
            since: at - 7_300_000,
            restarts: 2,
            lastRestart: { at: at - 61_000, why: 'it fell\nover', delayMs: 100 },
            actor: {
              ...empty,
              name: 'fat\nlady',
              id: '12D3KooWccccdddd',
              pid: 11,
              since: at,
              serves: [{ functionId: 'hall#sing', caller: { name: '', id: '12D3KooWeeeeffff' }, since: at }],
            },
          },
          {
            kind: 'task',
            name: 'prompter',
            id: '',
            outcome: 'running',
            pid: undefined,
            startMethod: undefined,
            since: at,
            restarts: 0,
          },
        ],
      },
    ],
  }
  expect(showTree(tree).split('\n')).toEqual([
    'opera (…aaaabbbb, process 10, up for 1 min 30 s)',
    '├─ is sleeping for 5 ms (1.3 s)',
    '└─ nursery (open for 4.0 s), CANCELLED by opera: nursery.cancel()',
    '   ├─ actor fat lady (…ccccdddd, warm, process 11): 2 restarts, the last one 1 min 1 s ago (it fell over), since 2 h 1 min',
    '   │  └─ runs hall#sing for …eeeeffff (0.0 s)',
    '   ├─ task prompter: since 0.0 s',
    '   ├─ … and 3 more',
    '   └─ one-shot extra failed 2.0 s ago: RangeError: stage fright',
  ])
})
