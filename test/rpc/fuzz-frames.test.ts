// oxlint-disable vitest/no-standalone-expect -- fuzz() makes a test of each law
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { GreenroomError, ProtocolError } from '../../node/errors.ts'
import { redirectLogs } from '../../node/log.ts'
import { decode, encode } from '../../rpc/codec.ts'
import { decodeFailure } from '../../rpc/error-codec.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import {
  CALL,
  FAILURE,
  KINSHIP_BACK,
  LANE_PROTOCOL,
  parseReply,
  parseRequest,
  parseStreamFrame,
  REFUSAL,
  RESULT,
  STREAM_PROTOCOL,
} from '../../rpc/protocol.ts'
import { type Rpc, startRpc } from '../../rpc/rpc.ts'
import { deadline } from '../support/headroom.ts'
import { within } from '../support/within.ts'
import { FakeHost, type FakeStream } from './fixtures/fake-host.ts'
import { framed } from './fixtures/frames.ts'
import { fuzz } from './fixtures/fuzz.ts'
import {
  type FrameMaker,
  hostileBytes,
  mutated,
  nasty,
  nastyBody,
  pick,
  pieces,
  reply,
  request,
  sendable,
  streamFrame,
} from './fixtures/hostile-bytes.ts'
import type { RandomSource } from './fixtures/random.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'
import { add, choir, count, echo, resetStage, stage } from './fixtures/stage.ts'

/** Milliseconds that one piece of hostile input may hold up everybody else. */
const HOLD_UP_MS = 200
/** Bytes by which the heap may grow over all cases of one law. */
const GROWTH_BYTES = 24 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function heap(): number {
  collect()
  return process.memoryUsage().heapUsed
}

/** Does something with hostile input: it gives a value or raises a ProtocolError, soon, and leaves prototypes alone. */
function survive<T>(work: () => T): T | undefined {
  const start = performance.now()
  try {
    return work()
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    return undefined
  } finally {
    expect(performance.now() - start).toBeLessThan(deadline(HOLD_UP_MS))
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  }
}

describe('the decoder gives a value or a ProtocolError, and never holds up, for', () => {
  fuzz('random bytes', 5_000, (random) => void survive(() => decode(random.bytes(random.int(200)))))

  fuzz(
    'bodies that are no value, or an expensive one',
    5_000,
    (random) => void survive(() => decode(nastyBody(random))),
  )

  fuzz('values with some bytes changed, cut off or added', 5_000, (random) => {
    survive(() => decode(mutated(random, encode(sendable(random.chance(0.2) ? nasty(random) : random.value(4))))))
  })
})

describe('each parser gives a frame of its kind or a ProtocolError, for', () => {
  const parsers = [
    ['requests', parseRequest, request],
    ['replies', parseReply, reply],
    ['frames of streams', parseStreamFrame, streamFrame],
  ] as const
  for (const [name, parse, make] of parsers)
    fuzz(`${name} and other values`, 3_000, (random) => {
      const frame = random.chance(0.7) ? make(random) : random.chance(0.5) ? nasty(random) : random.value(3)
      const parsed = survive(() => parse(frame))
      if (parsed !== undefined) expect(typeof parsed.type).toBe('number')
    })

  fuzz('failures', 3_000, (random) => {
    const failure = reply(random)[2]
    const error = survive(() => decodeFailure(failure as never))
    if (error !== undefined) expect(error).toBeInstanceOf(GreenroomError)
  })
})

describe('a frame stream', () => {
  fuzz('hands up the same frames and the same end however the bytes are cut into pieces', 2_000, (random) => {
    const bytes = hostileBytes(random, request)
    // Sizes stand for the frames: to compare two values whose references are shared many times over takes minutes.
    const read = (parts: readonly Uint8Array[]): unknown[] => {
      const wire = new RecordingWire()
      const heard: unknown[] = []
      new FrameStream(wire, { onFrame: (_, size) => heard.push(size), onClose: (error) => heard.push(error?.message) })
      for (const part of parts) survive(() => wire.onData!(part))
      wire.onClose!(undefined)
      return heard
    }
    expect(read(pieces(random, bytes))).toEqual(read([bytes]))
  })
})

describe('a live actor', () => {
  let fake: FakeHost
  let rpc: Rpc
  let scope: CancelScope
  let honest: FakeStream
  let undo: () => void
  let calls = 0
  let before = 0

  beforeAll(async () => {
    undo = redirectLogs(() => {})
    fake = new FakeHost()
    scope = new CancelScope()
    rpc = await startRpc({
      host: fake.host,
      self: { name: 'target', id: 'target' },
      scope,
      namespaces: [stage.namespace],
      onCancelActor: () => {},
      treeKey: new Uint8Array(32),
      stacks: 'tree',
    })
    honest = fake.open(LANE_PROTOCOL, 'honest')
  })
  afterAll(async () => {
    scope.cancel('the test is over')
    resetStage()
    await within('the end', rpc.close())
    scope.close()
    undo()
  })

  /** The honest peer's call is answered, and it has never had a strike. */
  async function expectServed(): Promise<void> {
    const id = ++calls
    honest.sent.length = 0
    honest.deliver(framed([CALL, id, 'stage#add', [id, 1], 0, 'value']))
    const end = performance.now() + deadline(1_000)
    while (honest.sent.length === 0 && performance.now() < end) await turn()
    expect(honest.frames()).toEqual([[RESULT, id, id + 1]])
    expect([honest.status, fake.dropped.has('honest')]).toEqual(['open', false])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  }

  /** Nothing of a peer is left once its streams are gone; what its cases leave in memory is bounded. */
  function expectBounded(seed: number, cases: number): void {
    if (seed === Math.ceil(cases / 5)) before = heap()
    if (seed === cases && before > 0) expect(heap() - before).toBeLessThan(GROWTH_BYTES)
  }

  /** One hostile peer with some streams, on which it says what it should not, in pieces. */
  async function misbehave(random: RandomSource, peer: string): Promise<FakeStream[]> {
    const streams: FakeStream[] = []
    for (let i = 0; i <= random.int(4); i++) {
      const onLane = random.chance(0.6)
      const stream = fake.open(onLane ? LANE_PROTOCOL : STREAM_PROTOCOL, peer)
      streams.push(stream)
      for (let j = 0; j <= random.int(4); j++)
        for (const part of pieces(random, hostileBytes(random, onLane ? request : streamFrame))) {
          survive(() => stream.deliver(part))
          if (random.chance(0.1)) await turn()
        }
    }
    return streams
  }

  async function leave(random: RandomSource, streams: readonly FakeStream[]): Promise<void> {
    for (const stream of streams) {
      if (random.chance(0.4)) stream.end()
      if (random.chance(0.2)) await turn()
    }
    for (const stream of streams) stream.reset()
  }

  const SERVED = 1_500
  fuzz(
    'answers what it must not be sent with a refusal of that stream alone, and serves others',
    SERVED,
    async (random, seed) => {
      // oxfmt-ignore
      const streams = await misbehave(random, `hostile ${seed}`)
      await expectServed()
      for (const stream of streams) {
        if (stream.protocol !== LANE_PROTOCOL) continue
        const frames = stream.frames()
        const types = frames.map(([type]) => type)
        for (const type of types) expect([RESULT, FAILURE, KINSHIP_BACK, REFUSAL]).toContain(type)
        if (stream.error instanceof ProtocolError) {
          expect(frames.at(-1)).toEqual([REFUSAL, 0, expect.stringMatching(/./)])
          expect(types.filter((type) => type === REFUSAL)).toHaveLength(1)
        } else expect(types).not.toContain(REFUSAL)
      }
      await leave(random, streams)
      expectBounded(seed, SERVED)
    },
  )

  fuzz('drops a peer that goes on, and no other one', 100, async (random, seed) => {
    const peer = `persistent ${seed}`
    for (let i = 0; i < 200 && !fake.dropped.has(peer); i++) await leave(random, await misbehave(random, peer))
    expect(fake.dropped.has(peer)).toBe(true)
    expect(fake.open(LANE_PROTOCOL, peer).status).toBe('aborted')
    await expectServed()
  })

  const CALLED = 1_000
  fuzz('ends every call to a peer that answers with garbage', CALLED, async (random, seed) => {
    const peer = `callee ${seed}`
    const opened: FakeStream[] = []
    const say = async (stream: FakeStream, frame: FrameMaker): Promise<void> => {
      // else it is over before the actor has it in hand
      if (random.chance(0.9)) await turn()
      for (let i = 0; i <= random.int(4); i++) {
        for (const part of pieces(random, hostileBytes(random, frame))) survive(() => stream.deliver(part))
        if (random.chance(0.3)) await turn()
      }
      if (random.chance(0.3)) stream.end()
      else stream.reset()
    }
    fake.onOpen = (stream) => {
      opened.push(stream)
      void say(stream, stream.protocol === LANE_PROTOCOL ? reply : streamFrame)
    }
    const portal = rpc.portal({ name: 'garbage', id: peer, addresses: [] }).with({ timeout: 60_000 })
    const drain = async (): Promise<void> => {
      for await (const _ of portal.run(count, 5));
    }
    const work = [
      () => portal.run(add, 1, 2),
      () => portal.run(echo, nasty(random)),
      () => portal.describe(),
      drain,
      async () => {
        await using context = await portal.openContext(choir, 1)
        await context.result()
      },
    ]
    const all = Array.from(
      { length: 1 + random.int(4) },
      async () => await pick<() => Promise<unknown>>(random, work)(),
    )
    const results = await within('the end of every call', Promise.allSettled(all), 10_000)
    for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(GreenroomError)
    for (const stream of opened) stream.reset()
    fake.onOpen = () => {}
    await expectServed()
    expectBounded(seed, CALLED)
  })
})
