import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import { InvalidArgument, RemoteActorError } from '../../node/errors.ts'
import { Kinship, type StackPolicy, TREE_KEY_BYTES } from '../../rpc/kinship.ts'
import { CALL, FAILURE, KINSHIP, KINSHIP_BACK, LANE_PROTOCOL } from '../../rpc/protocol.ts'
import { libp2pWire } from '../../rpc/wire.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import { eventually } from '../support/eventually.ts'
import {
  type InProcessActor,
  type InProcessMesh,
  meshInProcess,
  newTree,
  type Tree,
} from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { portals, raise, raiseAlong, resetStage, stage } from './fixtures/stage.ts'

const key = (): Uint8Array => new Uint8Array(randomBytes(TREE_KEY_BYTES))

describe('a proof', () => {
  const treeKey = key()
  const donny = new Kinship('donny', treeKey, 'tree')
  const gretchen = new Kinship('gretchen', treeKey, 'tree')

  test('of an actor with the same key makes it kin', () => {
    const peer = gretchen.meet('donny')
    expect(peer.kin).toBe(false)
    peer.hear(donny.meet('gretchen').proof)
    expect(peer.kin).toBe(true)
  })

  test('made with another key is none', () => {
    const peer = gretchen.meet('donny')
    peer.hear(new Kinship('donny', key(), 'tree').meet('gretchen').proof)
    expect(peer.kin).toBe(false)
  })

  test('is worth nothing to another actor, towards another actor, or sent back', () => {
    const overheard = donny.meet('gretchen').proof
    for (const peer of [
      gretchen.meet('walter'),
      new Kinship('walter', treeKey, 'tree').meet('donny'),
      donny.meet('gretchen'),
    ]) {
      peer.hear(overheard)
      expect(peer.kin).toBe(false)
    }
  })

  test.each([undefined, null, '', 'x'.repeat(32), 7, [], new Uint8Array(0), new Uint8Array(32), new Uint8Array(33)])(
    'that is %o is none, and no error',
    (proof) => {
      const peer = gretchen.meet('donny')
      peer.hear(proof)
      expect(peer.kin).toBe(false)
    },
  )

  test('once given is not undone by a wrong one', () => {
    const peer = gretchen.meet('donny')
    peer.hear(donny.meet('gretchen').proof)
    peer.hear(new Uint8Array(32))
    expect(peer.kin).toBe(true)
  })

  test('who is of another tree is kin by a key of its own, and makes nobody else kin', () => {
    const own = key()
    const walter = new Kinship('walter', own, 'tree')
    const owner = new Kinship('owner', treeKey, 'tree')
    owner.relate('walter', own)
    const seen = owner.meet('walter')
    seen.hear(walter.meet('owner').proof)
    expect(seen.kin).toBe(true)
    const back = walter.meet('owner')
    back.hear(owner.meet('walter').proof)
    expect(back.kin).toBe(true)
    for (const other of [donny, gretchen]) {
      const stranger = other.meet('walter')
      stranger.hear(walter.meet('donny').proof)
      expect(stranger.kin).toBe(false)
    }
    owner.unrelate('walter')
    const later = owner.meet('walter')
    later.hear(walter.meet('owner').proof)
    expect(later.kin).toBe(false)
  })

  test('needs a key of TREE_KEY_BYTES', () => {
    expect(() => new Kinship('donny', new Uint8Array(TREE_KEY_BYTES - 1), 'tree')).toThrow(InvalidArgument)
  })
})

test.each<[StackPolicy, boolean, boolean]>([
  ['tree', false, true],
  ['mesh', true, true],
  ['none', false, false],
])('with %s, strangers see stacks: %s, kin: %s', (policy, stranger, kin) => {
  const treeKey = key()
  const peer = new Kinship('gretchen', treeKey, policy).meet('donny')
  expect(peer.seesStacks).toBe(stranger)
  peer.hear(new Kinship('donny', treeKey, policy).meet('gretchen').proof)
  expect(peer.seesStacks).toBe(kin)
})

describe('between actors', () => {
  let mesh: InProcessMesh | undefined
  afterEach(async () => {
    await mesh?.[Symbol.asyncDispose]()
    mesh = undefined
    resetStage()
  })

  async function meshOf(...trees: Tree[]): Promise<InProcessActor[]> {
    mesh = await meshInProcess([stage], trees.length, trees)
    const [a, b, c] = mesh.actors
    if (c !== undefined) portals.set('c', b!.portalTo(c)).set('a', c.portalTo(a!))
    return [...mesh.actors]
  }

  async function caught(call: Promise<unknown>): Promise<RemoteActorError> {
    const error = await within('the call', call).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RemoteActorError)
    return error as RemoteActorError
  }

  /** Every stack in an error, its causes and its errors. */
  function stacks(error: unknown): string[] {
    if (!(error instanceof Error)) return []
    const remote = error instanceof RemoteActorError ? error.remoteStack : (error.stack ?? '')
    return [remote, ...stacks(error.cause), ...((error as AggregateError).errors ?? []).flatMap(stacks)]
  }

  const RAISED_HERE = 'stage.ts'

  test('of one tree, a failure carries the stacks of all its errors, from the first call on', async () => {
    const tree = newTree()
    const [a, b] = await meshOf(tree, tree)
    for (const kind of ['range', 'aggregate']) {
      const error = await caught(a!.portalTo(b!).run(raise, kind))
      for (const stack of stacks(error)) expect(stack).toContain(RAISED_HERE)
    }
  })

  test('of two trees, no stack leaves, and each error still says where it was raised', async () => {
    const [a, b] = await meshOf(newTree(), newTree())
    const where = `at actor b (${b!.id.slice(-8)})`
    for (const kind of ['range', 'aggregate', 'registered', 'huge']) {
      const error = await caught(a!.portalTo(b!).run(raise, kind))
      expect(error.remoteStack).toBe('')
      expect(stacks(error).join('\n')).not.toContain(RAISED_HERE)
      expect((error.cause as Error).stack).toContain(where)
    }
    const { cause } = await caught(a!.portalTo(b!).run(raise, 'range'))
    expect((cause as Error).stack).toBe(`RangeError: boom\n    ${where}`)
    expect(((cause as Error).cause as Error).stack).toBe(`TypeError: because\n    ${where}`)
  })

  test('an actor that calls itself sees its own stacks', async () => {
    const [a] = await meshOf(newTree(), newTree())
    expect((await caught(a!.portalTo(a!).run(raise, 'range'))).remoteStack).toContain(RAISED_HERE)
  })

  test('a stack from kin is not passed on to a stranger', async () => {
    const tree = newTree()
    const [a, b] = await meshOf(newTree(), tree, tree)
    const error = await caught(a!.portalTo(b!).run(raiseAlong, ['c'], 'range'))
    expect(error).toMatchObject({ origin: { name: 'c' }, path: ['c', 'b'], remoteStack: '' })
    expect(stacks(error).join('\n')).not.toContain(RAISED_HERE)
  })

  test('what a stranger did not send stays missing for kin, with the stranger as the place', async () => {
    const tree = newTree()
    const [a, b, c] = await meshOf(tree, tree, newTree())
    const error = await caught(a!.portalTo(b!).run(raiseAlong, ['c'], 'range'))
    expect(error.remoteStack).toBe('')
    expect((error.cause as Error).stack).toContain(`at actor c (${c!.id.slice(-8)})`)
  })

  test('a tree that shows its stacks to the mesh does so to strangers', async () => {
    const [a, b] = await meshOf(newTree(), newTree('mesh'))
    expect((await caught(a!.portalTo(b!).run(raise, 'range'))).remoteStack).toContain(RAISED_HERE)
  })

  test('a tree that shows its stacks to nobody keeps them from kin as well', async () => {
    const tree = newTree('none')
    const [a, b] = await meshOf(tree, tree)
    expect((await caught(a!.portalTo(b!).run(raise, 'range'))).remoteStack).toBe('')
  })

  /** A lane that a program without calls opened to an actor, and what came back on it. */
  async function rawLane(to: InProcessActor): Promise<{ lane: FrameStream; replies: unknown[][]; id: string }> {
    const host = await mesh!.rawHost()
    const connection = await host.connect(to.target.id, to.target.addresses)
    const replies: unknown[][] = []
    const lane = new FrameStream(libp2pWire(await connection.newStream(LANE_PROTOCOL)), {
      onFrame: (frame) => void replies.push(frame as unknown[]),
      onClose: () => {},
    })
    return { lane, replies, id: host.peerId }
  }

  test('a stranger that proves nothing, or something else, is served without stacks and learns nothing', async () => {
    const [, b] = await meshOf(newTree(), newTree())
    const { lane, replies } = await rawLane(b!)
    const proofs = [undefined, new Uint8Array(32), 'proof', { proof: 1 }]
    for (const [i, proof] of proofs.entries()) {
      lane.send([KINSHIP, 0, proof])
      lane.send([CALL, i + 1, 'stage#raise', ['range'], 0, 'value'])
    }
    await eventually('all calls are answered', () => replies.length === proofs.length)
    for (const [type, , failure] of replies) {
      expect(type).toBe(FAILURE)
      expect(JSON.stringify(failure)).not.toContain(RAISED_HERE)
    }
  })

  test('who has the key is told that its peer has it as well, once', async () => {
    const tree = newTree()
    const [, b] = await meshOf(tree, tree)
    const { lane, replies, id } = await rawLane(b!)
    const peer = new Kinship(id, tree.treeKey, 'tree').meet(b!.id)
    lane.send([KINSHIP, 0, peer.proof])
    lane.send([KINSHIP, 0, peer.proof])
    lane.send([CALL, 1, 'stage#raise', ['range'], 0, 'value'])
    await eventually('the call is answered', () => replies.some(([type]) => type === FAILURE))
    const back = replies.filter(([type]) => type === KINSHIP_BACK)
    expect(back).toHaveLength(1)
    peer.hear(back[0]![2])
    expect(peer.kin).toBe(true)
    expect(JSON.stringify(replies)).toContain(RAISED_HERE)
  })
})
