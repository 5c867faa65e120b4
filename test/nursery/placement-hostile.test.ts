import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findActors, joinMesh, type JoinedMesh, openNursery } from '../../index.ts'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { currentRuntime } from '../../nursery/actor-runtime.ts'
import {
  ACCEPTED,
  BEAT,
  END,
  PLACEMENT_ID_LENGTH,
  parseHostFrame,
  parseOwnerFrame,
  REFUSED,
  RESUME,
  SPAWN,
  SPAWN_PROTOCOL,
  TOLD,
} from '../../nursery/placement/spawn-protocol.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import { libp2pWire } from '../../rpc/wire.ts'
import { ProtocolError } from '../../node/errors.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { isAlive } from '../support/process-watcher.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { placed, whereAmI } from './fixtures/placed.ts'

useRuntimeDir()
expectNothingLeft()

let mesh: JoinedMesh
let raw: Host
beforeEach(async () => {
  mesh = await joinMesh({ mesh: 'placement', name: 'alpha', allowSpawn: true, logLevel: 'error' })
  raw = await startHost({ identity: await openIdentity(), secret: currentRuntime().options.secrets })
})
afterEach(async () => {
  await raw.stop()
  await mesh.leave()
})

interface Talk {
  readonly frames: unknown[][]
  readonly stream: FrameStream
  closed: boolean
}

async function open(): Promise<Talk> {
  const connection = await raw.connect(mesh.actor.id, mesh.actor.addresses)
  const frames: unknown[][] = []
  const wire = libp2pWire(await connection.newStream(SPAWN_PROTOCOL))
  const talk: { frames: unknown[][]; stream?: FrameStream; closed: boolean } = { frames, closed: false }
  talk.stream = new FrameStream(wire, {
    onFrame: (frame) => void frames.push(frame as unknown[]),
    onClose: () => {
      talk.closed = true
    },
  })
  return talk as Talk
}

const number = (): string => randomBytes(PLACEMENT_ID_LENGTH / 2).toString('hex')
const order = {
  owner: { name: 'raw', addresses: [] },
  name: 'walter',
  modules: [{ name: 'greenroom/test/nursery/fixtures/placed.ts', namespace: 'placed' }],
  statespace: {},
  metadata: {},
  logLevel: 'error',
  graceMs: 1_000,
  bootTimeoutMs: 60_000,
  limits: {},
  treeKey: new Uint8Array(32),
  stacks: 'tree',
  startMethod: 'process',
  warmActors: 2,
  beatMs: 200,
  lostAfterMs: 1_000,
}

describe('a member that asks a host ill', () => {
  test('orders that no owner gives are refused in words, and start nothing', async () => {
    const bad: [object, string | RegExp][] = [
      [{ name: '' }, 'name'],
      [{ modules: [{ name: '../../etc/passwd.js' }] }, 'by package and path'],
      [{ modules: [{ name: '/etc/hosts' }] }, 'by package and path'],
      [{ modules: [{ name: 'file:///etc/hosts' }] }, 'by package and path'],
      [{ modules: [{ name: 'nobody/there.js' }] }, 'looked for'],
      [{ modules: Array.from({ length: 65 }, () => ({ name: 'a/b' })) }, 'at most 64'],
      [{ statespace: 7 }, 'statespace is an object'],
      [{ logLevel: 'loud' }, 'log level'],
      [{ graceMs: -1 }, 'graceMs'],
      [{ limits: { nice: -5 } }, 'limits.nice is at least 0'],
      [{ limits: { memoryMb: 1 } }, 'limits.memoryMb'],
      [{ treeKey: new Uint8Array(1) }, 'treeKey'],
      [{ stacks: 'all' }, 'stacks'],
      [{ beatMs: 1 }, 'beatMs'],
      [{ lostAfterMs: 1e9 }, 'lostAfterMs'],
      [{ owner: null }, 'owner is an object'],
    ]
    for (const [part, why] of bad) {
      const { frames, stream } = await open()
      stream.send([SPAWN, number(), { ...order, ...part }])
      await eventually('it is refused', () => frames.length > 0)
      expect(frames[0]?.[0]).toBe(REFUSED)
      expect(frames[0]?.[2]).toMatch(why)
    }
    expect(currentRuntime().nurseries()).toEqual([])
  })

  test('what another one has placed is unknown to whoever asks for it', async () => {
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules: [placed], on: 'alpha' })
      const { frames, stream } = await open()
      stream.send([RESUME, number(), 0])
      await eventually('it is refused', () => frames.length > 0)
      expect(frames[0]?.slice(0, 2)).toEqual([REFUSED, 'unknown'])
      // the number itself helps nobody else: it is tried for one that this raw peer does own, by another raw peer
      const own = await open()
      const placement = number()
      own.stream.send([SPAWN, placement, order])
      await eventually('it is up', () => own.frames.some((frame) => frame[0] === TOLD))
      const other = await startHost({ identity: await openIdentity(), secret: currentRuntime().options.secrets })
      const connection = await other.connect(mesh.actor.id, mesh.actor.addresses)
      const heard: unknown[][] = []
      const thief = new FrameStream(libp2pWire(await connection.newStream(SPAWN_PROTOCOL)), {
        onFrame: (frame) => void heard.push(frame as unknown[]),
        onClose: () => {},
      })
      thief.send([RESUME, placement, 0])
      await eventually('it is refused', () => heard.length > 0)
      expect(heard[0]?.slice(0, 2)).toEqual([REFUSED, 'unknown'])
      await other.stop()
      own.stream.send([END, 'raw', 'enough'])
      await eventually('it has ended', () => own.frames.some((frame) => frame[0] === TOLD && isExit(frame[2])))
      own.stream.close()
      expect((await portal.run(whereAmI)).name).toBe('walter')
      nursery.cancel()
    })
  })

  test('an owner that does not answer beats loses what it has placed, though its stream stands', async () => {
    const { frames, stream } = await open()
    stream.send([SPAWN, number(), order])
    await eventually('it is up', () => frames.some((frame) => frame[0] === TOLD))
    const pid = frames.find((frame) => frame[0] === ACCEPTED)?.[1] as number
    expect(isAlive(pid)).toBe(true)
    await eventually('it is told', () =>
      frames.some((frame) => frame[0] === TOLD && /was not heard for 1000 ms/.test(JSON.stringify(frame[2]))),
    )
    await eventually('it is gone', () => !isAlive(pid))
    expect(frames.filter((frame) => frame[0] === BEAT).length).toBeGreaterThan(2)
    await eventually('its name too', () => findActors('walter').length === 0)
    stream.close()
  })

  test('whose stream is cut while its actor starts leaves nothing behind', async () => {
    for (const wait of [false, true]) {
      const { frames, stream } = await open()
      stream.send([SPAWN, number(), order])
      if (wait) await eventually('it is accepted', () => frames.some((frame) => frame[0] === ACCEPTED))
      stream.abort(new Error('the test cuts it'))
    }
    await eventually('nothing runs', () => currentRuntime().nurseries().length === 0)
  })

  test('frames that are none end their stream, and only that', async () => {
    for (const frame of [7, 'x', [], [99], [SPAWN], [SPAWN, 'short', order], [RESUME, number(), -1]]) {
      const talk = await open()
      talk.stream.send(frame)
      await eventually('it is ended', () => talk.closed)
    }
  })
})

describe('frames', () => {
  const odd = [
    undefined,
    null,
    7,
    'x',
    [],
    {},
    [1],
    [2, 3],
    [3, 4, 5],
    [4, -1],
    [5, {}],
    [5, { type: 'boot' }],
    [200, 1],
  ]

  test.each(odd)('%o is none of an owner, and none of a host', (frame) => {
    expect(() => parseOwnerFrame(frame)).toThrow(ProtocolError)
    expect(() => parseHostFrame(frame)).toThrow(ProtocolError)
  })

  test.each([
    [16, -1],
    [19, 1, { type: 'ready', target: { name: 'a', id: 'b', addresses: Array(9).fill('x') } }],
    [19, 1, { type: 'step', step: 'SIGQUIT', why: '' }],
    [19, 1, { type: 'exited', how: 'x', code: '0' }],
    [20, { type: 'described', request: 1, tree: 7 }],
    [20, { type: 'observed', items: [1] }],
    [21, 3, new Uint8Array(1)],
    [21, 1, new Uint8Array(70_000)],
  ])('%o is none of a host', (...frame) => {
    expect(() => parseHostFrame(frame)).toThrow(ProtocolError)
  })
})

function isExit(event: unknown): boolean {
  return (event as { type?: unknown }).type === 'exited'
}
