import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { LimitExceeded, ProtocolError } from '../../node/errors.ts'
import { AssemblyBudget, MAX_ASSEMBLING_BYTES } from '../../rpc/assembly-budget.ts'
import { Channel, type ChannelEvents } from '../../rpc/channel.ts'
import { encode } from '../../rpc/codec.ts'
import { WINDOW_BYTES } from '../../rpc/item-sender.ts'
import { CREDIT, END, ITEM, MAX_PIECE_BYTES, MAX_VALUE_BYTES, PIECE, PIECE_BYTES } from '../../rpc/protocol.ts'
import { memoryWires } from '../../rpc/wire.ts'
import { eventually } from '../support/eventually.ts'
import type { InProcessActor, InProcessMesh } from '../support/mesh-in-process.ts'
import { meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import { framed, unframed } from './fixtures/frames.ts'
import { count, listeners, upper } from './fixtures/listeners.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'
import { add, echo, flood, resetStage, stage } from './fixtures/stage.ts'

const MIB = 1024 * 1024

function pair(nearEvents?: ChannelEvents, farEvents?: ChannelEvents): [Channel, Channel] {
  const [near, far] = memoryWires()
  return [new Channel(near, nearEvents), new Channel(far, farEvents)]
}

function half(budget = new AssemblyBudget()): { wire: RecordingWire; channel: Channel; sent: () => unknown[][] } {
  const wire = new RecordingWire()
  const channel = new Channel(wire, {}, budget.of('peer'))
  return { wire, channel, sent: () => unframed(wire.bytes()) as unknown[][] }
}

/** The pieces of an item, as a peer sends them. */
function pieces(value: unknown): unknown[][] {
  const body = encode([ITEM, value])
  const frames: unknown[][] = []
  for (let at = 0; at < body.byteLength; at += PIECE_BYTES) {
    const piece = Buffer.from(body.subarray(at, at + PIECE_BYTES))
    frames.push(at === 0 ? [PIECE, piece, body.byteLength] : [PIECE, piece])
  }
  return frames
}

const turn = async (): Promise<void> => await new Promise<void>((resolve) => setImmediate(resolve))
const bytes = (size: number): Uint8Array => new Uint8Array(size).map((_, i) => i % 251)

async function drain(channel: Channel): Promise<unknown[]> {
  const items: unknown[] = []
  for (;;) {
    const { done, value } = await channel.next()
    if (done) return items
    items.push(value)
  }
}

describe('an item above a piece', () => {
  test.each([MAX_PIECE_BYTES - 100, MAX_PIECE_BYTES, MAX_PIECE_BYTES + 1, 3 * PIECE_BYTES, WINDOW_BYTES, 5 * MIB])(
    'arrives whole: %i bytes',
    async (size) => {
      const [a, b] = pair()
      const reading = drain(b)
      await within('the send', Promise.resolve(a.send(bytes(size))))
      a.end()
      const [item] = (await within('the reader', reading)) as [Uint8Array]
      expect(Buffer.compare(item, bytes(size))).toBe(0)
    },
  )

  test('keeps its place among small ones, of several senders as well', async () => {
    const [a, b] = pair()
    const say = async (who: number): Promise<void> => {
      for (let i = 0; i < 20; i++) await a.send(i % 5 === 0 ? [who, i, 'x'.repeat(300_000)] : [who, i])
    }
    const reading = drain(b)
    await within('the senders', Promise.all([say(0), say(1), say(2)]))
    a.end()
    const items = (await within('the reader', reading)) as [number, number][]
    for (const who of [0, 1, 2])
      expect(items.filter(([by]) => by === who).map(([, i]) => i)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('is refused above MAX_VALUE_BYTES, and the message says to stream it', async () => {
    const [a, b] = pair()
    expect(() => a.send(new Uint8Array(MAX_VALUE_BYTES))).toThrow(LimitExceeded)
    expect(() => a.send(new Uint8Array(MAX_VALUE_BYTES))).toThrow('stream it')
    await a.send('fine')
    a.end()
    expect(await drain(b)).toEqual(['fine'])
  })

  test('that nobody reads stops its sender within a window, and holds nothing of the budget', async () => {
    const budget = new AssemblyBudget()
    const { wire, channel, sent } = half(budget)
    const all = pieces(bytes(200_000))
    const window = all.slice(0, WINDOW_BYTES / PIECE_BYTES)
    for (const piece of window) wire.onData?.(framed(piece))
    await turn()
    expect(sent()).toEqual([])
    let granted = false
    budget.of('peer')(MAX_ASSEMBLING_BYTES, () => (granted = true))()
    expect(granted).toBe(true)
    const item = Promise.resolve(channel.next())
    await turn()
    expect(sent().map(([type]) => type)).toEqual([CREDIT])
    for (const piece of all.slice(window.length)) wire.onData?.(framed(piece))
    expect(await within('the item', item)).toMatchObject({ done: false })
  })

  test('goes on when whoever sends it is cancelled: what follows still arrives', async () => {
    const [a, b] = pair()
    const scope = new CancelScope()
    const sending = scope.run(async () => await a.send(bytes(5 * MIB)))
    await turn()
    scope.cancel('enough')
    await expect(within('the send', sending)).rejects.toBe(scope.reason)
    const reading = drain(b)
    await within('the next send', Promise.resolve(a.send('after it')))
    a.end()
    const items = await within('the reader', reading)
    expect(items).toHaveLength(2)
    expect(items[1]).toBe('after it')
  })

  test('is waited for by end(): the end mark comes after its last piece', async () => {
    const [a, b] = pair()
    const sending = a.send(bytes(3 * MIB))
    a.end()
    expect(() => a.send(1)).toThrow('nothing can be sent after end()')
    expect(await within('the reader', drain(b))).toHaveLength(1)
    await sending
  })

  test('whose stream is aborted in between rejects its send, and gives its memory back', async () => {
    const budget = new AssemblyBudget()
    const { wire, channel } = half(budget)
    const reading = channel.next() as Promise<unknown>
    for (const piece of pieces(bytes(5 * MIB)).slice(0, 4)) wire.onData?.(framed(piece))
    let granted = false
    budget.of('peer')(MAX_ASSEMBLING_BYTES, () => (granted = true))
    expect(granted).toBe(false)
    const boom = new Error('boom')
    channel.abort(boom)
    await expect(reading).rejects.toBe(boom)
    expect(granted).toBe(true)
    const [a] = pair()
    const sending = a.send(bytes(5 * MIB))
    a.abort(boom)
    await expect(within('the send', Promise.resolve(sending))).rejects.toBe(boom)
  })
})

describe('a peer that lies about a large item breaks its stream', () => {
  const piece = Buffer.alloc(PIECE_BYTES)
  test.each<[string, unknown[][]]>([
    ['no total', [[PIECE, piece]]],
    ['a total that needs no pieces', [[PIECE, piece, MAX_PIECE_BYTES]]],
    ['a total above the limit', [[PIECE, piece, MAX_VALUE_BYTES + 1]]],
    ['a negative total', [[PIECE, piece, -1]]],
    ['a piece that is too small', [[PIECE, piece.subarray(1), 200_000]]],
    ['a piece that is empty', [[PIECE, piece.subarray(0, 0), 200_000]]],
    [
      'more than was announced',
      [
        [PIECE, piece, 140_000],
        [PIECE, piece],
        [PIECE, piece],
      ],
    ],
    [
      'a second total',
      [
        [PIECE, piece, 200_000],
        [PIECE, piece, 200_000],
      ],
    ],
    [
      'another item in between',
      [
        [PIECE, piece, 200_000],
        [ITEM, 1],
      ],
    ],
    [
      'an end in between',
      [
        [PIECE, piece, 200_000],
        [END, 1],
      ],
    ],
    ['pieces that are no bytes', [[PIECE, 'x'.repeat(PIECE_BYTES), 200_000]]],
  ])('%s', (_, frames) => {
    const { wire } = half()
    wire.onData?.(framed(...frames))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('a whole that is no item', async () => {
    const { wire, channel } = half()
    const reading = channel.next() as Promise<unknown>
    wire.onData?.(framed([PIECE, piece, 2 * PIECE_BYTES + 1], [PIECE, piece], [PIECE, Buffer.alloc(1)]))
    await expect(within('the read', reading)).rejects.toBeInstanceOf(ProtocolError)
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('pieces without credit', () => {
    const { wire } = half()
    wire.onData?.(framed(...pieces(bytes(MAX_VALUE_BYTES / 8)).slice(0, WINDOW_BYTES / PIECE_BYTES)))
    expect(wire.aborted).toBeUndefined()
    wire.onData?.(framed(...pieces(bytes(MAX_VALUE_BYTES / 8)).slice(WINDOW_BYTES / PIECE_BYTES)))
    expect(wire.aborted?.message).toBe('an item was sent without credit')
  })
})

describe('the budget', () => {
  test('grants whole sums in order of arrival: a small one does not overtake a large one', () => {
    const reserve = new AssemblyBudget().of('peer')
    const granted: string[] = []
    const first = reserve(MAX_ASSEMBLING_BYTES - 10, () => granted.push('first'))
    const large = reserve(100, () => granted.push('large'))
    reserve(5, () => granted.push('small'))
    expect(granted).toEqual(['first'])
    first()
    first()
    expect(granted).toEqual(['first', 'large', 'small'])
    large()
  })

  test('lets those behind go on when one leaves the line', () => {
    const reserve = new AssemblyBudget().of('peer')
    const granted: string[] = []
    reserve(MAX_ASSEMBLING_BYTES - 10, () => granted.push('first'))
    const large = reserve(100, () => granted.push('large'))
    reserve(5, () => granted.push('small'))
    large()
    expect(granted).toEqual(['first', 'small'])
  })

  test('is one for each peer: who stalls takes the places of its own values only', () => {
    const budget = new AssemblyBudget()
    const granted: string[] = []
    budget.of('donny')(MAX_ASSEMBLING_BYTES, () => granted.push('donny'))
    budget.of('donny')(1, () => granted.push('donny again'))
    budget.of('gretchen')(MAX_ASSEMBLING_BYTES, () => granted.push('gretchen'))
    expect(granted).toEqual(['donny', 'gretchen'])
  })
})

describe('between actors', () => {
  let mesh: InProcessMesh
  let a: InProcessActor
  let b: InProcessActor

  beforeAll(async () => {
    mesh = await meshInProcess([stage, listeners])
    ;[a, b] = mesh.actors as [InProcessActor, InProcessActor]
  })
  afterAll(async () => await mesh[Symbol.asyncDispose]())
  beforeEach(resetStage)

  async function* texts(size: number, items: number): AsyncGenerator<string> {
    for (let i = 0; i < items; i++) yield await Promise.resolve(String.fromCodePoint(97 + i).repeat(size))
  }

  test('large items stream in both directions at once', async () => {
    const sizes: number[] = []
    for await (const text of a.portalTo(b).run(upper, texts(3 * MIB, 8))) {
      expect(text.startsWith(String.fromCodePoint(65 + sizes.length))).toBe(true)
      sizes.push(text.length)
    }
    expect(sizes).toEqual(Array.from({ length: 8 }, () => 3 * MIB))
  })

  test('more of them at a time than the budget has all arrive', async () => {
    const each = MAX_ASSEMBLING_BYTES / 5
    async function* large(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(new Uint8Array(each))
    }
    const counts = Array.from({ length: 6 }, async () => await a.portalTo(b).run(count, large()))
    expect(await within('all of them', Promise.all(counts), 60_000)).toEqual(Array.from({ length: 6 }, () => [1]))
  }, 70_000)

  test('a large item that nobody reads delays no other one, no call and no cancel', async () => {
    const stuck = Array.from({ length: 10 }, () => a.portalTo(b).run(flood, 2 * MIB))
    const first = stuck[0]!.next()
    expect(await within('a call', a.portalTo(b).run(add, 1, 2), 2_000)).toBe(3)
    expect(await within('a large item', a.portalTo(b).run(count, texts(5 * MIB, 1)))).toEqual([1])
    await within('the read', first)
    await within('the cancels', Promise.all(stuck.map(async (stream) => await stream.return())))
    expect(await a.portalTo(b).run(echo, 'here')).toBe('here')
  })

  test('a stream that is left inside a large item leaves nothing', async () => {
    for (let i = 0; i < 10; i++) {
      const stream = a.portalTo(b).run(flood, 3 * MIB)
      const read = stream.next()
      await eventually('it has begun', async () => (await a.portalTo(b).run(add, i, 0)) === i)
      await stream.return()
      await read.catch(() => {})
    }
    expect(await a.portalTo(b).run(count, texts(MIB, 1))).toEqual([1])
  })
})
