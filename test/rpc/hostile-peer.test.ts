import type { Connection, Stream } from '@libp2p/interface'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Host } from '../../node/host.ts'
import { MAX_LANES_PER_PEER } from '../../rpc/callee.ts'
import { MAX_TASKS_PER_PEER } from '../../rpc/served-lane.ts'
import { WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import { redirectLogs } from '../../node/log.ts'
import { encodeFailure } from '../../rpc/error-codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'
import {
  CALL,
  CANCEL,
  CREDIT,
  DESCRIBE,
  END,
  FAILURE,
  HELLO,
  ITEM,
  LANE_PROTOCOL,
  REFUSAL,
  RESULT,
  STARTED,
  STREAM_PROTOCOL,
} from '../../rpc/protocol.ts'
import { MAX_STRIKES } from '../../rpc/misconduct.ts'
import { MAX_UNCLAIMED_STREAMS } from '../../rpc/stream-arrivals.ts'
import { transferable } from '../../rpc/transferable.ts'
import { eventually } from '../support/eventually.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { framed, unframed, withLength } from './fixtures/frames.ts'
import { TRACES } from './fixtures/hostile-bytes.ts'
import { randomSource } from './fixtures/random.ts'
import { add, contextThatHangs, count, doubler, events, flood, resetStage, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let hostile: Host
let connection: Connection

beforeAll(async () => {
  mesh = await meshInProcess([stage])
  ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
})
afterAll(async () => {
  // lets go what the cases left waiting on purpose
  resetStage()
  await mesh[Symbol.asyncDispose]()
})
beforeEach(async () => {
  resetStage()
  hostile = await mesh.rawHost()
  connection = await hostile.connect(b.id, b.target.addresses)
  await eventually('b knows the connection', () => b.host.isConnected(hostile.peerId))
})
afterEach(async () => {
  await expectEveryoneServed()
  await hostile.stop()
})

/** Whatever the peer did, the others are served, and so is the peer itself when it behaves. */
async function expectEveryoneServed(): Promise<void> {
  expect(await within('a call of another actor', a.portalTo(b).run(add, 1, 2), 2_000)).toBe(3)
  const items: number[] = []
  const reading = (async () => {
    for await (const item of a.portalTo(b).run(count, 1_500)) items.push(item)
  })()
  await within('a stream of another actor', reading, 2_000)
  expect(items).toHaveLength(1_500)
  const polite = await Answers.open(connection.newStream(LANE_PROTOCOL))
  polite.say([CALL, 1, 'stage#add', [2, 3], 0, 'value'])
  await eventually('the peer itself is served', () => polite.frames.length === 1)
  expect(polite.frames[0]).toEqual([RESULT, 1, 5])
}

/** A stream on which the test says what it wants, and keeps what is answered. */
class Answers {
  readonly frames: unknown[][] = []
  readonly stream: Stream
  #bytes: Buffer = Buffer.alloc(0)

  private constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', ({ data }) => {
      this.#bytes = Buffer.concat([this.#bytes, data.subarray()])
      while (this.#bytes.length >= 4 && this.#bytes.length >= 4 + this.#bytes.readUInt32BE(0)) {
        const end = 4 + this.#bytes.readUInt32BE(0)
        this.frames.push(...(unframed(this.#bytes.subarray(0, end)) as unknown[][]))
        this.#bytes = this.#bytes.subarray(end)
      }
    })
  }

  static async open(stream: Stream | Promise<Stream>): Promise<Answers> {
    return new Answers(await stream)
  }

  say(...frames: unknown[]): void {
    this.raw(framed(...frames))
  }

  raw(bytes: Uint8Array): void {
    if (this.stream.status === 'open') this.stream.send(bytes)
  }

  async closed(): Promise<void> {
    await eventually('the stream was closed by the other side', () => this.stream.status !== 'open')
  }
}

const lane = async (): Promise<Answers> => await Answers.open(connection.newStream(LANE_PROTOCOL))
const data = async (): Promise<Answers> => await Answers.open(connection.newStream(STREAM_PROTOCOL))

describe('on the lane', () => {
  const header = (size: number): Uint8Array => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(size)
    return bytes
  }

  test.each<[string, Uint8Array]>([
    ['random bytes', randomSource(1).bytes(5_000)],
    ['an announced length without end', header(0xffffffff)],
    ['a length just above the limit', header(MAX_FRAME_BYTES + 1)],
    ['an empty frame', header(0)],
    ['a frame that is no msgpack', withLength(new Uint8Array([0xc1]))],
    ['nesting without end', withLength(Buffer.alloc(100_000, 0x91))],
    ['a text', framed('hello')],
    ['a number', framed(7)],
    ['nothing', framed(null)],
    ['an empty list', framed([])],
    ['an object', framed({ type: CALL, id: 1 })],
    ['an unknown type', framed([200, 1])],
    ['a reply', framed([RESULT, 1, 1])],
    ['a type that is no number', framed(['CALL', 1, 'stage#add', [1, 2], 0, 'value'])],
    ['a CALL without anything', framed([CALL])],
    ['a CALL with a negative id', framed([CALL, -1, 'stage#add', [1, 2], 0, 'value'])],
    ['a CALL with a fraction as id', framed([CALL, 1.5, 'stage#add', [1, 2], 0, 'value'])],
    ['a CALL with a bigint as id', framed([CALL, 2n ** 80n, 'stage#add', [1, 2], 0, 'value'])],
    ['a CALL of a function that is no text', framed([CALL, 1, { evil: true }, [1, 2], 0, 'value'])],
    ['a CALL with arguments that are no list', framed([CALL, 1, 'stage#add', { length: 2 }, 0, 'value'])],
    ['a CALL with a timeout that is no number', framed([CALL, 1, 'stage#add', [1, 2], 'soon', 'value'])],
    ['a CALL with a negative timeout', framed([CALL, 1, 'stage#add', [1, 2], -5, 'value'])],
    ['a CALL of an unknown kind', framed([CALL, 1, 'stage#add', [1, 2], 0, 'constructor'])],
    ['a CANCEL without who', framed([CANCEL, 1])],
    ['a CANCEL by an object', framed([CANCEL, 1, {}, {}])],
    ['a DESCRIBE without id', framed([DESCRIBE])],
  ])('%s is refused with the reason, and closes it', async (_, bytes) => {
    const answers = await lane()
    answers.raw(bytes)
    await answers.closed()
    expect(answers.frames).toEqual([[REFUSAL, 0, expect.stringMatching(/^ProtocolError: ./)]])
  })

  test('a trace that cannot be is counted, and its call runs', async () => {
    const before = b.rpc.portal(b.target)
    const counted = (await before.stats()).refused.traces
    const answers = await lane()
    for (const [i, trace] of TRACES.entries()) answers.say([CALL, 1 + i, 'stage#add', [i, 1], 0, 'value', [], trace])
    await eventually('the answers', () => answers.frames.length === TRACES.length)
    expect(answers.frames).toEqual(TRACES.map((_, i) => [RESULT, 1 + i, i + 1]))
    expect((await before.stats()).refused.traces).toBe(counted + TRACES.length - 2)
    answers.stream.abort(new Error('done'))
  })

  test('one more than MAX_LANES_PER_PEER closes the oldest, with its tasks', async () => {
    const first = await lane()
    first.say([CALL, 1, 'stage#hang', [], 0, 'value'])
    await eventually('its task runs', () => events.length === 1)
    const others: Answers[] = []
    for (let i = 0; i < MAX_LANES_PER_PEER; i++) {
      others.push(await lane())
      others[i]!.say([CALL, 1, 'stage#add', [i, 1], 0, 'value'])
      await eventually('the answer', () => others[i]!.frames.length === 1)
    }
    await first.closed()
    await eventually('its task has stopped', () => events.length === 2)
    expect(others.map(({ stream }) => stream.status)).toEqual(Array(MAX_LANES_PER_PEER).fill('open'))
    others[0]!.stream.abort(new Error('make room'))
  })

  test('a request id that is in use closes it, and its tasks are cancelled', async () => {
    const answers = await lane()
    answers.say([CALL, 7, 'stage#hang', [], 0, 'value'])
    await eventually('the first one runs', () => events.length === 1)
    answers.say([CALL, 7, 'stage#hang', [], 0, 'value'])
    await answers.closed()
    await eventually('it has stopped', () => events.length === 2)
  })

  test('cancels of what is unknown, over or never was are ignored', async () => {
    const answers = await lane()
    for (const id of [1, 2, 3]) answers.say([CANCEL, id, 'x', 'y'])
    answers.say([CALL, 1, 'stage#add', [1, 1], 0, 'value'])
    await eventually('the answer', () => answers.frames.length === 1)
    answers.say([CANCEL, 1, 'x', 'y'], [CANCEL, 1, 'x', 'y'], [CALL, 1, 'stage#add', [1, 2], 0, 'value'])
    await eventually('the second answer', () => answers.frames.length === 2)
    expect(answers.frames).toEqual([
      [RESULT, 1, 2],
      [RESULT, 1, 3],
    ])
  })

  test('fields that a later version adds are ignored', async () => {
    const answers = await lane()
    answers.say([CALL, 1, 'stage#add', [1, 1], 0, 'value', [], { added: true }, 'later'])
    await eventually('the answer', () => answers.frames.length === 1)
  })

  test('half a frame is waited for, and forgotten when the lane closes', async () => {
    const answers = await lane()
    const bytes = framed([CALL, 1, 'stage#hang', [], 0, 'value'])
    answers.raw(bytes.subarray(0, -1))
    await answers.stream.close()
    expect(events).toEqual([])
  })

  test('frames that arrive byte by byte are frames', async () => {
    const answers = await lane()
    for (const byte of framed([CALL, 1, 'stage#add', [1, 1], 0, 'value'])) answers.raw(Uint8Array.of(byte))
    await eventually('the answer', () => answers.frames.length === 1)
    expect(answers.frames).toEqual([[RESULT, 1, 2]])
  })

  test('more tasks at a time than MAX_TASKS_PER_PEER are refused by name, and end with the lane', async () => {
    const answers = await lane()
    const extra = 50
    for (let id = 0; id < MAX_TASKS_PER_PEER + extra; id++) answers.say([CALL, id, 'stage#hang', [], 0, 'value'])
    await eventually('the refusals', () => answers.frames.length === extra, 15_000)
    for (const [type, , failure] of answers.frames) {
      expect(type).toBe(FAILURE)
      expect(failure).toMatchObject({ thrown: { error: { props: { limit: 'MAX_TASKS_PER_PEER' } } } })
    }
    answers.stream.abort(new Error('enough'))
    await eventually(
      'all have stopped',
      () => events.filter((event) => event.includes('cleaned up')).length === MAX_TASKS_PER_PEER,
      15_000,
    )
  })

  test('a peer that asks much and does not read is waited for, and holds up nobody', async () => {
    const answers = await lane()
    answers.stream.pause()
    for (let id = 0; id < 300; id++) answers.say([CALL, id, 'stage#giveBytes', [100_000], 0, 'value'])
    for (let i = 0; i < 20; i++) expect(await within('a call', a.portalTo(b).run(add, i, 1), 2_000)).toBe(i + 1)
    answers.stream.resume()
    await eventually('it gets everything after all', () => answers.frames.length === 300, 15_000)
    expect(answers.frames.every(([type]) => type === RESULT)).toBe(true)
  })

  test('a peer that asks much, does not read and goes away leaves nothing', async () => {
    const answers = await lane()
    answers.stream.pause()
    for (let id = 0; id < 300; id++) answers.say([CALL, id, 'stage#giveBytes', [100_000], 0, 'value'])
    await within('a call', a.portalTo(b).run(add, 1, 1), 2_000)
    answers.stream.abort(new Error('enough'))
  })
})

describe('on a stream of a call', () => {
  test('1,000 streams that say nothing cost only the peer its places', async () => {
    const opened: Stream[] = []
    // a stream above the limit may be closed while it is being opened
    const open = async (): Promise<unknown> =>
      await connection.newStream(STREAM_PROTOCOL, { maxOutboundStreams: 2_000 }).then(
        (stream) => opened.push(stream),
        () => {},
      )
    for (let i = 0; i < 1_000; i += 100) await Promise.all(Array.from({ length: 100 }, open))
    expect(opened.length).toBeGreaterThanOrEqual(MAX_UNCLAIMED_STREAMS)
    await eventually(
      'those above the limit are closed',
      () => opened.filter((stream) => stream.status === 'open').length <= MAX_UNCLAIMED_STREAMS,
    )
    for (const stream of opened) stream.abort(new Error('enough'))
  })

  test.each<[string, unknown[]]>([
    ['an ITEM before HELLO, without end', Array.from({ length: WINDOW_ITEMS + 1 }, () => [ITEM, 'x'])],
    ['a HELLO with an id that is none', [[HELLO, 'one']]],
    ['two HELLOs', [[HELLO, 900], [HELLO, 901]]], // oxfmt-ignore
    ['credits without end', [[HELLO, 902], [CREDIT, 2 ** 40, 2 ** 40]]], // oxfmt-ignore
    ['a count that is wrong', [[HELLO, 903], [ITEM, 1], [END, 5]]], // oxfmt-ignore
    ['an unknown frame', [[HELLO, 904], [77, 1]]], // oxfmt-ignore
    ['no frame', ['text']],
  ])('%s closes it', async (_, frames) => {
    const answers = await data()
    answers.say(...frames)
    await answers.closed()
  })

  test('a stream for a call of somebody else is not given to that call', async () => {
    await using context = await a.portalTo(b).openContext(doubler)
    const stolen = await data()
    for (let id = 1; id < 50; id++) {
      const answers = await data()
      answers.say([HELLO, id], [ITEM, 1_000])
    }
    stolen.say([HELLO, 1], [STARTED, 'hostile'])
    const stream = context.stream()
    await stream.send(21)
    expect(await stream[Symbol.asyncIterator]().next()).toEqual({ done: false, value: 42 })
    stream.end()
    expect(await within('the result', context.result())).toBe(1)
  })

  test('a call whose stream never comes, or breaks, is over when the lane is', async () => {
    const requests = await lane()
    requests.say([CALL, 1, 'stage#flood', [1_000], 0, 'stream'], [CALL, 2, 'stage#flood', [1_000], 0, 'stream'])
    const stream = await data()
    stream.say([HELLO, 2])
    await eventually('items arrive', () => stream.frames.length > 10)
    stream.raw(new Uint8Array([0, 0, 0, 1, 0xc1]))
    await stream.closed()
    await eventually('the producer has stopped', () => events.includes('flood cleaned up'))
    requests.stream.abort(new Error('enough'))
  })
})

describe('when it goes on', () => {
  test('after MAX_STRIKES breaches one more cuts it off, and it is not let in again for its time', async () => {
    for (let i = 0; i < MAX_STRIKES; i++) {
      const answers = await (i % 2 === 0 ? lane() : data())
      answers.raw(framed('no frame'))
      await answers.closed()
    }
    expect(connection.status).toBe('open')
    const log: string[] = []
    const undo = redirectLogs((line) => log.push(line))
    ;(await lane()).raw(framed('no frame'))
    await eventually('it is cut off', () => connection.status !== 'open' && !b.host.isConnected(hostile.peerId))
    undo()
    expect(log).toEqual([expect.stringContaining(`${hostile.peerId.slice(-8)} is kept out`)])
    await hostile.connect(b.id, b.target.addresses).catch(() => {})
    await eventually('it is not let in', () => !hostile.isConnected(b.id))
    expect(await within('a call of another actor', a.portalTo(b).run(add, 1, 2), 2_000)).toBe(3)
    // for the case after each test, another one
    await hostile.stop()
    hostile = await mesh.rawHost()
    connection = await hostile.connect(b.id, b.target.addresses)
  })
})

describe('as the one that is called', () => {
  /** A peer that answers every request on its lane with the same bytes. */
  async function answering(
    reply: (id: number) => Uint8Array,
    stream?: (raw: Stream) => void,
  ): Promise<ReturnType<InProcessActor['rpc']['portal']>> {
    await hostile.handle(LANE_PROTOCOL, (raw) => {
      raw.addEventListener('message', ({ data: bytes }) => {
        for (const [, id] of unframed(bytes.subarray()) as [number, number][])
          if (raw.status === 'open') raw.send(reply(id))
      })
    })
    await hostile.handle(STREAM_PROTOCOL, (raw) => raw.addEventListener('message', () => stream?.(raw), { once: true }))
    return a.rpc.portal({ name: 'hostile', id: hostile.peerId, addresses: hostile.addresses() })
  }

  test.each<[string, (id: number) => Uint8Array]>([
    ['random bytes', () => randomSource(3).bytes(1_000)],
    ['an announced length without end', () => Buffer.alloc(4, 0xff)],
    ['a reply of an unknown type', (id) => framed([99, id, 1])],
    ['a failure of the wrong shape', (id) => framed([FAILURE, id, 'text'])],
    ['a failure without end', (id) => framed([FAILURE, id, transferable(endlessFailure(), 'failure')])],
    ['a request', (id) => framed([CALL, id, 'stage#add', [1, 2], 0, 'value'])],
    ['a reply without id', () => framed([RESULT])],
  ])('it answers with %s: the call rejects at once, and the error says who broke the protocol', async (_, reply) => {
    const portal = await answering(reply)
    const calls = [portal.run(add, 1, 2), portal.run(add, 3, 4)]
    for (const result of await within('both calls', Promise.allSettled(calls)))
      expect(result).toMatchObject({
        reason: { code: 'ACTOR_DIED', actor: { name: 'hostile' }, cause: { code: 'PROTOCOL' } },
      })
  })

  test('it answers what nobody asked, and twice: the call has its first answer', async () => {
    const portal = await answering((id) => framed([RESULT, id + 1_000, 'x'], [RESULT, id, 1], [RESULT, id, 2]))
    expect(await within('the call', portal.run(add, 1, 2))).toBe(1)
    expect(await within('the next call', portal.run(add, 1, 2))).toBe(1)
  })

  test('it describes itself with nonsense: nothing breaks', async () => {
    const portal = await answering((id) => framed([RESULT, id, 'nonsense']))
    await within(
      'the description',
      portal.describe().catch(() => {}),
    )
  })

  test.each<[string, (raw: Stream) => void]>([
    ['random bytes', (raw) => raw.send(randomSource(4).bytes(1_000))],
    ['items without credit', (raw) => raw.send(framed(...Array.from({ length: 2 * WINDOW_ITEMS }, () => [ITEM, 1])))],
    ['an end that counts wrong', (raw) => raw.send(framed([ITEM, 1], [END, 9]))],
    ['a reset', (raw) => raw.abort(new Error('no'))],
  ])('it streams %s: the consumer gets an error that says who', async (_, act) => {
    const portal = await answering((id) => framed([RESULT, id + 1_000, 'x']), act)
    const reading = (async () => {
      for await (const __ of portal.run(flood));
    })()
    await expect(within('the stream', reading)).rejects.toMatchObject({
      code: 'ACTOR_DIED',
      actor: { name: 'hostile' },
    })
    const opening = portal.openContext(contextThatHangs)
    await expect(within('the context', opening)).rejects.toMatchObject({ code: 'ACTOR_DIED' })
  })

  test('it refuses what was sent: pending calls reject with a ProtocolError that says why', async () => {
    const portal = await answering(() => framed([REFUSAL, 0, 'a frame has no request id']))
    await expect(within('the call', portal.run(add, 1, 2))).rejects.toMatchObject({
      code: 'PROTOCOL',
      message: expect.stringMatching(/^hostile broke off.*a frame has no request id/),
    })
  })

  test('it never answers: a time limit ends the call within its bound', async () => {
    await hostile.handle(LANE_PROTOCOL, () => {})
    const portal = a.rpc.portal({ name: 'hostile', id: hostile.peerId, addresses: hostile.addresses() })
    const call = portal.with({ timeout: 20 }).run(add, 1, 2)
    await expect(within('the call', call, 2_500)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' })
  })
})

/** An error that holds itself a thousand times over, in few bytes. */
function endlessFailure(): unknown {
  const failure = encodeFailure(new AggregateError([], 'bush'), { name: 'hostile', id: 'x' }, true)
  const bush = (failure.thrown as { error: { errors?: unknown[] } }).error
  bush.errors = Array.from({ length: 1_000 }, () => ({ error: bush }))
  return failure
}
