import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { InvalidArgument, ProtocolError } from '../../node/errors.ts'
import { Channel, type ChannelEvents } from '../../rpc/channel.ts'
import { CALM_BYTES, SHARED_WINDOW_BYTES, WINDOW_BYTES, WINDOW_ITEMS } from '../../rpc/item-sender.ts'
import { MAX_WAITERS } from '../../rpc/turn-line.ts'
import { BROKEN, CREDIT, END, HELLO, ITEM, STARTED } from '../../rpc/protocol.ts'
import { memoryWires } from '../../rpc/wire.ts'
import { eventually } from '../support/eventually.ts'
import { within } from '../support/within.ts'
import { framed, unframed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

/** Two ends of one channel. */
function pair(nearEvents?: ChannelEvents, farEvents?: ChannelEvents): [Channel, Channel] {
  const [near, far] = memoryWires()
  return [new Channel(near, nearEvents), new Channel(far, farEvents)]
}

/** One end, the test being the other one. */
function half(events: ChannelEvents = {}): { wire: RecordingWire; channel: Channel; sent: () => unknown[][] } {
  const wire = new RecordingWire()
  const channel = new Channel(wire, events)
  return { wire, channel, sent: () => unframed(wire.bytes()) as unknown[][] }
}

const turn = async (): Promise<void> => await new Promise<void>((resolve) => setImmediate(resolve))

async function drain(channel: Channel): Promise<unknown[]> {
  const items: unknown[] = []
  for (;;) {
    const { done, value } = await channel.next()
    if (done) return items
    items.push(value)
  }
}

/** Sends without waiting until the channel asks to wait; gives the number of items sent. */
function fill(channel: Channel, value: unknown): { sent: number; waiting: Promise<void> } {
  for (let sent = 1; ; sent++) {
    const waiting = channel.send(value)
    if (waiting !== undefined) return { sent, waiting }
    if (sent > 100_000) throw new Error('it never asks to wait')
  }
}

describe('items', () => {
  test('all of them arrive in order, in both directions at once', async () => {
    const [a, b] = pair()
    const numbers = Array.from({ length: 5_000 }, (_, i) => i)
    const say = async (channel: Channel): Promise<void> => {
      for (const number of numbers) await channel.send(number)
      channel.end()
    }
    const [fromB, fromA] = await within('both streams', Promise.all([drain(a), drain(b), say(a), say(b)]))
    expect(fromA).toEqual(numbers)
    expect(fromB).toEqual(numbers)
  })

  test('several senders share it, each one keeps its order', async () => {
    const [a, b] = pair()
    const say = async (who: number): Promise<void> => {
      for (let i = 0; i < 2_000; i++) await a.send([who, i])
    }
    const all = drain(b)
    await within('the senders', Promise.all([say(0), say(1), say(2)]))
    a.end()
    const items = (await within('the reader', all)) as [number, number][]
    for (const who of [0, 1, 2])
      expect(items.filter(([by]) => by === who).map(([, i]) => i)).toEqual(Array.from({ length: 2_000 }, (_, i) => i))
  })

  test('several readers share it, each item reaches one of them', async () => {
    const [a, b] = pair()
    const readers = [drain(b), drain(b), drain(b)]
    for (let i = 0; i < 3_000; i++) await a.send(i)
    a.end()
    const all = (await within('the readers', Promise.all(readers))).flat() as number[]
    expect(all.toSorted((x, y) => x - y)).toEqual(Array.from({ length: 3_000 }, (_, i) => i))
  })

  test('undefined and null are items like others', async () => {
    const [a, b] = pair()
    for (const item of [undefined, null, false]) await a.send(item)
    a.end()
    expect(await drain(b)).toEqual([undefined, null, false])
  })

  test('what cannot travel is refused, and the channel goes on', async () => {
    const [a, b] = pair()
    expect(() => a.send({ f: () => {} })).toThrow('item.f is a function')
    await a.send(1)
    a.end()
    expect(await drain(b)).toEqual([1])
  })
})

describe('credits', () => {
  test('a sender stops after WINDOW_ITEMS items that nobody took', () => {
    const { channel } = half()
    expect(fill(channel, 1).sent).toBe(WINDOW_ITEMS + 1)
  })

  test('a sender of large items stops after WINDOW_BYTES, overdrawn by one item at most', async () => {
    const { channel, wire } = half()
    const size = 100_000
    const sending = (async () => {
      for (;;) await channel.send('x'.repeat(size))
    })()
    for (let i = 0; i < 100; i++) await turn()
    expect(wire.bytes().byteLength).toBeGreaterThanOrEqual(WINDOW_BYTES)
    expect(wire.bytes().byteLength).toBeLessThan(WINDOW_BYTES + 2 * size)
    channel.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
  })

  test('beside calls of the same peer SHARED_WINDOW_BYTES are under way, and the whole window CALM_BYTES after the last one', async () => {
    const { channel, wire } = half()
    const traffic = wire.traffic
    const piece = new Uint8Array(16 * 1024)
    const cost = piece.byteLength + 16
    let underWay = 0
    const sending = (async () => {
      for (;;) {
        await channel.send(piece)
        underWay += cost
      }
    })()
    const settle = async (): Promise<number> => {
      for (let i = 0; i < 20; i++) await turn()
      return underWay
    }
    const grant = (bytes: number): void => {
      underWay -= bytes
      wire.onData?.(framed([CREDIT, 1, bytes]))
    }
    expect(await settle()).toBeGreaterThanOrEqual(WINDOW_BYTES - cost)
    traffic.calls += 1
    for (let i = 0; i < 5; i++) grant(piece.byteLength)
    expect(await settle()).toBeLessThan(SHARED_WINDOW_BYTES + cost)
    for (let bytes = 0; bytes < CALM_BYTES / 2; bytes += piece.byteLength) {
      grant(piece.byteLength)
      expect(await settle()).toBeLessThan(SHARED_WINDOW_BYTES + 2 * cost)
    }
    for (let bytes = 0; bytes < CALM_BYTES; bytes += piece.byteLength) {
      grant(piece.byteLength)
      await turn()
    }
    expect(await settle()).toBeGreaterThanOrEqual(WINDOW_BYTES - 2 * cost)
    channel.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
  })

  test('bytes that waited for credits leave as they were when they were sent, and are copied once', async () => {
    const { channel, wire } = half()
    const left: Uint8Array[] = []
    const leave = (parts: readonly Uint8Array[]): boolean => left.push(new Uint8Array(parts[1]!)) > 0
    const size = 64 * 1024
    const piece = new Uint8Array(size)
    Object.assign(wire, { sendParts: leave })
    const sends: (Promise<void> | undefined)[] = []
    for (let i = 1; i <= 4; i++) sends.push(channel.send(piece.fill(i)))
    expect(left.map(([first]) => first)).toEqual([1, 2])
    piece.fill(9)
    for (let i = 0; i < 3; i++) {
      wire.onData?.(framed([CREDIT, 1, size]))
      await turn()
    }
    await within('the sends', Promise.all(sends.map(async (send) => await send)))
    expect(left.map((bytes) => [bytes.byteLength, bytes[0], bytes.at(-1)])).toEqual(
      [1, 2, 3, 4].map((i) => [size, i, i]),
    )
  })

  test('what is queued at the receiver is bounded however slow it is, and the sender goes on when it takes', async () => {
    const [a, b] = pair()
    let sent = 0
    const sender = (async () => {
      for (; sent < 10 * WINDOW_ITEMS; sent++) await a.send(sent)
      a.end()
    })()
    await eventually('the sender stands still at the window', () => sent === WINDOW_ITEMS)
    for (let i = 0; i < 20; i++) await turn()
    expect(sent).toBe(WINDOW_ITEMS)
    let taken = 0
    let ahead = 0
    for (;;) {
      const { done, value } = await b.next()
      if (done) break
      expect(value).toBe(taken++)
      ahead = Math.max(ahead, sent - taken)
      if (taken % 100 === 0) await turn()
    }
    await sender
    expect(taken).toBe(10 * WINDOW_ITEMS)
    expect(ahead).toBeLessThanOrEqual(WINDOW_ITEMS)
  })

  test('grants come once half a window was taken, not with every item', async () => {
    const { wire, channel, sent } = half()
    for (let i = 0; i < WINDOW_ITEMS; i++) wire.onData?.(framed([ITEM, i]))
    for (let i = 0; i < WINDOW_ITEMS; i++) await channel.next()
    await turn()
    expect(sent().map(([type, items]) => [type, items])).toEqual([
      [CREDIT, WINDOW_ITEMS / 2],
      [CREDIT, WINDOW_ITEMS / 2],
    ])
  })

  test('an item without credit breaks the channel', async () => {
    const { wire, channel } = half()
    for (let i = 0; i < WINDOW_ITEMS; i++) wire.onData?.(framed([ITEM, i]))
    expect(wire.aborted).toBeUndefined()
    wire.onData?.(framed([ITEM, 'one too many']))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
    // what was sent with credit is still there
    for (let i = 0; i < WINDOW_ITEMS; i++) expect(await channel.next()).toEqual({ done: false, value: i })
    expect(() => channel.next()).toThrow('an item was sent without credit')
  })

  test('bytes without credit break the channel as well', () => {
    const { wire } = half()
    const item = framed([ITEM, 'x'.repeat(500_000)])
    for (let i = 0; i < 10 && wire.aborted === undefined; i++) wire.onData?.(item)
    expect(wire.aborted?.message).toBe('an item was sent without credit')
  })

  test.each([
    ['items', 1, 0],
    ['bytes', 0, 1],
    ['both without end', Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  ])('more credits than the window has break the channel: %s', (_, items, bytes) => {
    const { wire } = half()
    wire.onData?.(framed([CREDIT, items, bytes]))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('more than MAX_WAITERS waiting sends are refused', async () => {
    const { channel } = half()
    const { waiting } = fill(channel, 1)
    const waits = [waiting]
    for (let i = 1; i < MAX_WAITERS; i++) waits.push(channel.send(1)!)
    await expect(channel.send(1)).rejects.toBeInstanceOf(InvalidArgument)
    channel.abort(new Error('enough'))
    const results = await within('the waiting sends', Promise.allSettled(waits))
    expect(results.every((result) => result.status === 'rejected')).toBe(true)
  })
})

describe('four different ends', () => {
  test('completion: every item, then done, again and again', async () => {
    const [a, b] = pair()
    await a.send(1)
    a.end()
    expect(await drain(b)).toEqual([1])
    expect(await b.next()).toEqual({ done: true, value: undefined })
  })

  test('an abort: reads and sends that wait reject with its error at once', async () => {
    const { channel } = half()
    const read = channel.next() as Promise<unknown>
    const { waiting } = fill(channel, 1)
    const boom = new Error('boom')
    channel.abort(boom)
    await expect(within('the read', read)).rejects.toBe(boom)
    await expect(within('the send', waiting)).rejects.toBe(boom)
    expect(() => channel.send(1)).toThrow(boom)
    expect(() => channel.next()).toThrow(boom)
  })

  test('a source that broke in a way that cannot be read: an error, never done', async () => {
    const { wire, channel } = half()
    const waiting = channel.next()
    wire.onData?.(framed([BROKEN, 'no failure', 0]))
    wire.onClose?.(wire.aborted)
    await expect(within('the read', Promise.resolve(waiting))).rejects.toBeInstanceOf(ProtocolError)
    expect(() => channel.next()).toThrow(ProtocolError)
  })

  test('a cut: the items that arrived, then an error, never done', async () => {
    for (const cause of [undefined, new Error('reset by peer')]) {
      const { wire, channel } = half()
      wire.onData?.(framed([ITEM, 1], [ITEM, 2]))
      wire.onClose?.(cause)
      expect([await channel.next(), await channel.next()]).toMatchObject([{ value: 1 }, { value: 2 }])
      expect(() => channel.next()).toThrow(cause ?? new ProtocolError('the stream was cut before its end'))
    }
  })

  test('a cancel: a read that waits rejects with the reason of its scope, and takes no item with it', async () => {
    const [a, b] = pair()
    const scope = new CancelScope()
    const read = scope.run(async () => await b.next())
    scope.cancel('enough')
    await expect(read).rejects.toBe(scope.reason)
    await a.send('for the next reader')
    expect(await within('the next reader', Promise.resolve(b.next()))).toMatchObject({ value: 'for the next reader' })
  })

  test('a cancelled send is not sent, and those behind it keep their order', async () => {
    const [a, b] = pair()
    fill(a, 'fill')
    const scope = new CancelScope()
    const cancelled = scope.run(async () => await a.send('cancelled'))
    const behind = [a.send('first')!, a.send('second')!]
    scope.cancel('enough')
    await expect(cancelled).rejects.toBe(scope.reason)
    const items = drain(b)
    await within('the sends behind', Promise.all(behind))
    a.end()
    expect((await items).slice(-2)).toEqual(['first', 'second'])
  })
})

describe('the end mark', () => {
  test('a count that differs from what arrived breaks the channel: no item is lost unseen', () => {
    for (const count of [0, 2, 3]) {
      const { wire } = half()
      wire.onData?.(framed([ITEM, 1], [END, count]))
      expect(wire.aborted?.message).toBe(`${count} items were sent and 1 arrived`)
    }
  })

  test('an item after it breaks the channel', () => {
    const { wire } = half()
    wire.onData?.(framed([END, 0], [ITEM, 1]))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('nothing can be sent after it', () => {
    const { channel } = half()
    channel.end()
    channel.end()
    expect(() => channel.send(1)).toThrow('nothing can be sent after end()')
  })

  test('the wire closes when both sides have said it, and what arrived can still be read', async () => {
    const closed: (Error | undefined)[] = []
    const { wire, channel } = half({ onClose: (error) => closed.push(error) })
    wire.onData?.(framed([ITEM, 1], [END, 1]))
    expect(wire.closed).toBe(false)
    channel.end()
    expect([wire.closed, closed]).toEqual([true, [undefined]])
    expect(await drain(channel)).toEqual([1])
  })

  test('a sender hears when the other side left', () => {
    const { wire, channel } = half()
    wire.onData?.(framed([END, 0]))
    wire.onClose?.(undefined)
    expect(() => channel.send(1)).toThrow('the other side has left the stream')
  })
})

describe('frames beside items', () => {
  test('HELLO is heard once, by the side that waits for it', () => {
    const heard: number[] = []
    const { wire } = half({ onHello: (id) => heard.push(id) })
    wire.onData?.(framed([HELLO, 7]))
    expect(heard).toEqual([7])
    wire.onData?.(framed([HELLO, 8]))
    expect(wire.aborted?.message).toBe('an unexpected HELLO came')
  })

  test('HELLO from the side that was opened breaks the channel', () => {
    const { wire } = half()
    wire.onData?.(framed([HELLO, 7]))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('a started value arrives, and cannot be what cannot travel', async () => {
    const started = Promise.withResolvers<unknown>()
    const [a] = pair({}, { onStarted: started.resolve })
    expect(() => a.started(() => {})).toThrow('started value is a function')
    a.started({ ready: true })
    expect(await within('started', started.promise)).toEqual({ ready: true })
  })

  test.each<[string, unknown]>([
    ['no list', 'text'],
    ['an empty list', []],
    ['an unknown type', [99, 1]],
    ['a type that is no number', ['ITEM', 1]],
    ['a HELLO without id', [HELLO]],
    ['a HELLO with a negative id', [HELLO, -1]],
    ['an END without count', [END, 'one']],
    ['an END with a fraction', [END, 0.5]],
    ['a CREDIT without bytes', [CREDIT, 1]],
    ['a CREDIT with a negative number', [CREDIT, -1, -1]],
    ['a CREDIT that is not a number', [CREDIT, Number.NaN, 0]],
  ])('%s breaks the channel', (_, frame) => {
    const { wire } = half({ onHello: () => {} })
    wire.onData?.(framed(frame))
    expect(wire.aborted).toBeInstanceOf(ProtocolError)
  })

  test('fields that a later version adds are ignored', async () => {
    const { wire, channel } = half()
    wire.onData?.(framed([ITEM, 1, { added: true }], [STARTED, 1, 2], [END, 1, 'added']))
    expect(await drain(channel)).toEqual([1])
  })
})

test('a sender that waits for a peer which does not read is cancelled with its scope', async () => {
  const { wire, channel } = half()
  wire.accepts = false
  const scope = new CancelScope()
  const sending = scope.run(async () => {
    for (;;) {
      await channel.send('x')
      await turn()
    }
  })
  await eventually('it waits', () => wire.sent.length > 0)
  await turn()
  scope.cancel('enough')
  await expect(within('the sender', sending)).rejects.toBe(scope.reason)
})
