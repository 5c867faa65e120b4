import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { describe, expect, test } from 'vitest'
import { onBytes } from '../../node/fast-path/on-bytes.ts'
import { MAX_STREAM_WINDOW, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { digestOf, hostPair, isFast, type Layers, PAIRS, recut, Sink } from './fast-path-pair.ts'

expectNothingLeft()

const WINDOW_UPDATE = 1
/** What a noise frame holds beside a yamux header. */
const FULL_FRAME = 65_519 - 12

describe('which path a host takes', () => {
  test('the fast one, unless the option or the environment says off; the option wins', async () => {
    for (const [option, environment, fast] of [
      [undefined, undefined, true],
      [undefined, 'off', false],
      ['on', 'off', true],
      ['off', undefined, false],
    ] as const) {
      const before = process.env.GREENROOM_FAST_PATH
      if (environment === undefined) delete process.env.GREENROOM_FAST_PATH
      else process.env.GREENROOM_FAST_PATH = environment
      try {
        const secret = new Uint8Array(32)
        const listen = ['/ip4/127.0.0.1/tcp/0']
        const a = await startHost({ identity: await openIdentity(), secret, listen, fastPath: option })
        const b = await startHost({ identity: await openIdentity(), secret, listen })
        const connection = await a.connect(b.peerId, b.addresses())
        const { muxer } = connection as unknown as { muxer: { maConn: Layers['noise'] } }
        expect(Object.hasOwn(muxer.maConn.stream, 'onData')).toBe(fast)
        await a.stop()
        await b.stop()
      } finally {
        if (before === undefined) delete process.env.GREENROOM_FAST_PATH
        else process.env.GREENROOM_FAST_PATH = before
      }
    }
  })

  test('each end of a connection decides for itself', async () => {
    for (const [, dialler, listener] of PAIRS) {
      await using pair = await hostPair(dialler, listener)
      expect([isFast(pair.near), isFast(pair.far)]).toEqual([dialler === 'on', listener === 'on'])
    }
  })
})

describe.each(PAIRS)('%s', (_, dialler, listener) => {
  test('messages of every size around the limits of the layers arrive whole and in order, both ways', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sizes = [1, 2, 11, 12, 13, 483, 484, 511, 512, 513, 1_199, 1_200, 16_371, 16_372, 16_373]
    const large = [FULL_FRAME - 1, FULL_FRAME, FULL_FRAME + 1, 2 * FULL_FRAME + 13, 262_131, 262_144, 700_001]
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      const sink = new Sink(to)
      const messages = [...sizes, ...large, ...sizes].map((size) => randomBytes(size))
      for (const message of messages) await sendAll(from, message)
      const total = messages.reduce((sum, { byteLength }) => sum + byteLength, 0)
      await eventually('everything arrives', () => sink.bytes === total)
      expect(sink.digest()).toBe(digestOf(...messages))
    }
  })

  test('a message is sent as it was when send was called, and lists of parts arrive like one array', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const list = (parts: Uint8Array[]): Parameters<Stream['send']>[0] => {
      const { readBuffer } = near as unknown as { readBuffer: object }
      const List = readBuffer.constructor as new (
        ...parts: Uint8Array[]
      ) => Exclude<Parameters<Stream['send']>[0], Uint8Array>
      return new List(...parts)
    }
    const small = Buffer.from('small')
    near.send(small)
    small.fill(0)
    const large = Buffer.alloc(100_000, 1)
    near.send(list([large.subarray(0, 10), large.subarray(10)]))
    large.fill(0)
    near.send(new Uint8Array())
    near.send(list([Buffer.from('a'), Buffer.alloc(0), Buffer.from('b')]))
    await eventually('everything arrives', () => sink.bytes === 100_007)
    expect(digestOf(sink.all())).toBe(digestOf(Buffer.from('small'), Buffer.alloc(100_000, 1), Buffer.from('ab')))
  })

  test('what a listener keeps, and what a sender sent, stays as it was', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const kept: Uint8Array[] = []
    let bytes = 0
    onBytes(far, (part) => {
      kept.push(part)
      bytes += part.byteLength
    })
    const sizes = [40, 100_000, 3_000, 600, 65_507, 20_000, 5]
    const sent = Array.from({ length: 70 }, (_each, i) => randomBytes(sizes[i % sizes.length]! + i))
    const copies = sent.map((message) => new Uint8Array(message))
    for (const message of sent) await sendAll(near, message)
    await eventually('everything arrives', () => bytes === sent.reduce((sum, { byteLength }) => sum + byteLength, 0))
    expect(digestOf(...kept)).toBe(digestOf(...copies))
    expect(digestOf(...sent)).toBe(digestOf(...copies))
  })

  test('many streams at once keep their bytes apart', async () => {
    await using pair = await hostPair(dialler, listener)
    const streams = await Promise.all(Array.from({ length: 20 }, async () => await pair.open()))
    const echoes = streams.map(([near, far]) => {
      far.addEventListener('message', (event) => far.send(event.data))
      return new Sink(near)
    })
    const sent = streams.map(() => Array.from({ length: 30 }, (_each, i) => randomBytes(1 + i * 97)))
    for (let i = 0; i < 30; i++) for (const [at, [near]] of streams.entries()) await sendAll(near, sent[at]![i]!)
    const total = sent[0]!.reduce((sum, { byteLength }) => sum + byteLength, 0)
    await eventually('all echoes arrive', () => echoes.every(({ bytes }) => bytes === total))
    expect(echoes.map((echo) => echo.digest())).toEqual(sent.map((parts) => digestOf(...parts)))
  })

  test('a paused stream stops its sender within the window and loses nothing; the others go on', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const [other, otherFar] = await pair.open()
    const [sink, otherSink] = [new Sink(far), new Sink(otherFar)]
    await sendAll(near, Buffer.from('first'))
    await eventually('the first arrives', () => sink.bytes === 5)
    far.pause()
    const piece = randomBytes(4 * 1024)
    let sent = 0
    // send also asks to wait when the socket is full for a moment: only the window keeps it so
    for (let waits = 0; waits < 20;) {
      if ((near as unknown as { writableNeedsDrain: boolean }).writableNeedsDrain) {
        waits += 1
        await delay(5)
      } else {
        near.send(piece)
        sent += piece.byteLength
      }
    }
    expect(sent).toBeLessThan(2 * MAX_STREAM_WINDOW)
    await sendAll(other, piece)
    await eventually('the other stream goes on', () => otherSink.bytes === piece.byteLength)
    expect(sink.bytes).toBe(5)
    expect(far.readBufferLength).toBeLessThanOrEqual(MAX_STREAM_WINDOW)
    const drained = once(near as unknown as EventTarget, 'drain')
    far.resume()
    await within('the drain', drained)
    await eventually('everything arrives', () => sink.bytes === 5 + sent)
    expect(digestOf(sink.all().subarray(5, 5 + piece.byteLength))).toBe(digestOf(piece))
  })

  test('a peer whose socket does not read makes send ask to wait, and drain comes when it reads again', async () => {
    await using pair = await hostPair(dialler, listener)
    const streams = await Promise.all(Array.from({ length: 16 }, async () => await pair.open()))
    const sinks = streams.map(([, far]) => new Sink(far))
    pair.far.socket.socket.pause()
    const piece = randomBytes(32 * 1024)
    const waiting: Promise<unknown>[] = []
    let sent = 0
    for (const [near] of streams) {
      while (near.send(piece)) expect((sent += piece.byteLength)).toBeLessThan(64 * MAX_STREAM_WINDOW)
      sent += piece.byteLength
      waiting.push(once(near as unknown as EventTarget, 'drain'))
    }
    pair.far.socket.socket.resume()
    await within('all drains', Promise.all(waiting))
    await eventually('everything arrives', () => sinks.reduce((sum, { bytes }) => sum + bytes, 0) === sent)
  })

  test('a reset is seen by the peer, from either side, and by nobody else', async () => {
    await using pair = await hostPair(dialler, listener)
    const [other, otherFar] = await pair.open()
    const otherSink = new Sink(otherFar)
    for (const side of ['near', 'far'] as const) {
      const [near, far] = await pair.open()
      const [aborter, peer] = side === 'near' ? [near, far] : [far, near]
      const sink = new Sink(peer)
      const drop = new Sink(aborter)
      peer.send(randomBytes(1_000))
      aborter.send(randomBytes(1_000))
      aborter.abort(new Error('enough'))
      await eventually('the reset arrives', () => sink.error)
      expect([sink.error?.name, peer.status]).toEqual(['StreamResetError', 'reset'])
      expect(() => peer.send(randomBytes(10))).toThrow(/closed/)
      expect(drop.bytes).toBe(0)
    }
    await sendAll(other, Buffer.from('still there'))
    await eventually('the other stream goes on', () => otherSink.bytes === 11)
  })

  test('what is in flight to a stream that was aborted is passed over', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const [other, otherFar] = await pair.open()
    const sink = new Sink(otherFar)
    far.abort(new Error('enough'))
    // sent before the reset arrives
    for (let i = 0; i < 5; i++) near.send(randomBytes(10_000))
    await sendAll(other, Buffer.from('still there'))
    await eventually('the other stream goes on', () => sink.bytes === 11)
    expect(pair.near.connection.status).toBe('open')
  })

  test('close sends what is queued first, and each side may end first', async () => {
    await using pair = await hostPair(dialler, listener)
    for (const side of ['near', 'far'] as const) {
      const [near, far] = await pair.open()
      const [first, second] = side === 'near' ? [near, far] : [far, near]
      const [sinkOfSecond, sinkOfFirst] = [new Sink(second), new Sink(first)]
      const queued = randomBytes(3 * MAX_STREAM_WINDOW)
      first.send(queued)
      const closed = first.close()
      expect(() => first.send(Buffer.from('late'))).toThrow(/clos/)
      await within('the close', closed)
      await eventually('the end arrives', () => sinkOfSecond.ended)
      expect([sinkOfSecond.bytes, sinkOfSecond.digest()]).toEqual([queued.byteLength, digestOf(queued)])
      // the other direction is open still
      await sendAll(second, Buffer.from('answer'))
      await eventually('the answer arrives', () => sinkOfFirst.bytes === 6)
      await within('the other close', second.close())
      await eventually('both are closed', () => first.status === 'closed' && second.status === 'closed')
      expect([sinkOfFirst.error, sinkOfSecond.error]).toEqual([undefined, undefined])
    }
  })

  test('data and the end in one read arrive in this order', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const seen: string[] = []
    far.addEventListener('message', (event) => seen.push(Buffer.from(event.data.subarray()).toString()))
    far.addEventListener('remoteCloseWrite', () => seen.push('end'))
    const held: Buffer[] = []
    recut(pair.far, (read) => (held.push(read), []))
    near.send(Buffer.from('one'))
    near.send(Buffer.from('two'))
    await near.close()
    // other traffic of the hosts may be in it too, and what comes later must pass
    await eventually('all of it was read', () => held.reduce((sum, { byteLength }) => sum + byteLength, 0) >= 96)
    recut(pair.far, (read) => [read])
    pair.far.socket.onData(Buffer.concat(held))
    await eventually('the end arrives', () => sink.ended)
    expect(seen.join(' ').replace('onetwo', 'one two')).toBe('one two end')
  })

  test('frames that are split at any byte, or come many in one read, arrive whole', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const [sink, back] = [new Sink(far), new Sink(near)]
    let cutAt = 0
    let mode: 'in two' | 'byte by byte' | 'held' = 'in two'
    const held: Buffer[] = []
    const cut = (read: Buffer): Uint8Array[] => {
      if (mode === 'held') return (held.push(read), [])
      if (mode === 'byte by byte') return Array.from(read, (byte) => Uint8Array.of(byte))
      cutAt += 1
      return [read.subarray(0, cutAt % read.byteLength), read.subarray(cutAt % read.byteLength)]
    }
    recut(pair.far, cut)
    recut(pair.near, (read) => cut(read))
    const sent: Buffer[] = []
    const exchange = async (size: number): Promise<void> => {
      sent.push(randomBytes(size))
      near.send(sent.at(-1)!)
      far.send(sent.at(-1)!)
      await eventually('both arrive', () => {
        const total = sent.reduce((sum, { byteLength }) => sum + byteLength, 0)
        return sink.bytes === total && back.bytes === total
      })
    }
    // a frame of 50 bytes is 80 on the wire: the cut goes over all of them
    for (let i = 0; i < 60; i++) await exchange(50)
    for (const size of [600, 20_000, 70_000]) await exchange(size)
    mode = 'byte by byte'
    for (const size of [1, 50, 600, 20_000, 70_000]) await exchange(size)
    mode = 'held'
    for (let i = 0; i < 50; i++) {
      sent.push(randomBytes(1 + i * 31))
      near.send(sent.at(-1)!)
    }
    const bytes = sent.slice(-50).reduce((sum, { byteLength }) => sum + byteLength, 0)
    await eventually('all was read', () => held.reduce((sum, one) => sum + one.byteLength, 0) >= bytes + 50 * 30)
    mode = 'in two'
    pair.far.socket.onData(Buffer.concat(held.splice(0)))
    await eventually('all arrives', () => sink.bytes === sent.reduce((sum, { byteLength }) => sum + byteLength, 0))
    expect(sink.digest()).toBe(digestOf(...sent))
    expect(back.digest()).toBe(digestOf(...sent.slice(0, -50)))
  })

  test.each(['noise', 'socket'] as const)(
    'a connection that is paused at its %s in the middle of a frame goes on where it stopped',
    async (layer) => {
      await using pair = await hostPair(dialler, listener)
      const [near, far] = await pair.open()
      const sink = new Sink(far)
      const sent: Buffer[] = []
      let cutAt = 0
      recut(pair.far, (read) => {
        cutAt += 7
        pair.far.socket.onData(read.subarray(0, cutAt % read.byteLength))
        pair.far[layer].pause()
        setTimeout(() => pair.far[layer].readStatus === 'paused' && pair.far[layer].resume(), 1)
        return [read.subarray(cutAt % read.byteLength)]
      })
      for (const size of [50, 20, 600, 70_000, 30, 1_000, 300_000, 10, 60, 2_000]) {
        sent.push(randomBytes(size))
        await sendAll(near, sent.at(-1)!)
        await eventually('it arrives', () => sink.bytes === sent.reduce((sum, { byteLength }) => sum + byteLength, 0))
      }
      expect(sink.digest()).toBe(digestOf(...sent))
    },
  )

  test('a listener that pauses the connection in the middle of a read loses nothing of it', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const held: Buffer[] = []
    recut(pair.far, (read) => (held.push(read), []))
    const sent = Array.from({ length: 10 }, (_each, i) => randomBytes(100 + i * 500))
    for (const message of sent) near.send(message)
    const total = sent.reduce((sum, { byteLength }) => sum + byteLength, 0)
    await eventually('all was read', () => held.reduce((sum, one) => sum + one.byteLength, 0) >= total + 10 * 30)
    let pauses = 0
    far.addEventListener('message', () => {
      pauses += 1
      if (pauses > 3) return
      pair.far.noise.pause()
      setImmediate(() => pair.far.noise.resume())
    })
    recut(pair.far, (read) => [read])
    pair.far.socket.onData(Buffer.concat(held))
    await eventually('all arrives', () => sink.bytes === total)
    await sendAll(near, sent[0]!)
    await eventually('the next arrives', () => sink.bytes === total + sent[0]!.byteLength)
    expect(sink.digest()).toBe(digestOf(...sent, sent[0]!))
  })
})

describe('what the fast path saves', () => {
  test('a batch is one socket write, whatever is in it', async () => {
    await using pair = await hostPair('on', 'on')
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    await sendAll(near, Buffer.from('first'))
    await eventually('the first arrives', () => sink.bytes === 5)
    let writes = 0
    const { socket } = pair.near.socket
    const handle = (socket as unknown as { _handle: Record<string, (...args: unknown[]) => unknown> })._handle
    for (const method of ['writeBuffer', 'writev']) {
      const stock = handle[method]!
      handle[method] = (...args) => {
        writes += 1
        return stock.apply(handle, args)
      }
    }
    for (const size of [64, 10_000, 60_000]) near.send(randomBytes(size))
    expect(writes).toBe(3)
    await eventually('all arrives', () => sink.bytes === 70_069)
  })

  test('a window is opened again when half of it is used, not before', async () => {
    await using pair = await hostPair('off', 'on')
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const updates: number[] = []
    const stock = pair.far.muxer.sendFrame.bind(pair.far.muxer)
    ;(far as unknown as { sendFrame: typeof stock }).sendFrame = (frame, data) => {
      if (frame.type === WINDOW_UPDATE) updates.push(frame.length)
      return stock(frame, data)
    }
    const window = (far as unknown as { recvWindow: number }).recvWindow
    for (let sent = 0; sent < window / 2 - 4_096; sent += 2_048) await sendAll(near, randomBytes(2_048))
    await eventually('it arrives', () => sink.bytes >= window / 2 - 4_096)
    expect(updates).toEqual([])
    for (let i = 0; i < 3; i++) await sendAll(near, randomBytes(2_048))
    await eventually('an update leaves', () => updates.length === 1)
    expect(updates[0]).toBeGreaterThanOrEqual(window / 2)
  })

  test('a listener of bytes is called without an event, in order with what was buffered before', async () => {
    await using pair = await hostPair('off', 'on')
    const [near, far] = await pair.open()
    const got: string[] = []
    near.send(Buffer.from('before '))
    await eventually('it is buffered', () => far.readBufferLength === 7)
    onBytes(far, (bytes) => got.push(Buffer.from(bytes).toString()))
    near.send(Buffer.from('after'))
    await eventually('both arrive', () => got.join('') === 'before after')
    let events = 0
    const dispatch = far.dispatchEvent.bind(far)
    far.dispatchEvent = (event) => {
      events += 1
      return dispatch(event)
    }
    near.send(Buffer.from(', directly'))
    await eventually('it arrives', () => got.join('') === 'before after, directly')
    expect(events).toBe(0)
    // a second listener hears everything too
    const sink = new Sink(far)
    near.send(Buffer.from('!'))
    await eventually('both hear it', () => got.at(-1) === '!' && sink.bytes === 1)
  })

  test('what a listener of bytes throws is uncaught, as with events, and the connection goes on', async () => {
    await using pair = await hostPair('off', 'on')
    const [near, far] = await pair.open()
    const got: string[] = []
    onBytes(far, (bytes) => {
      got.push(Buffer.from(bytes).toString())
      if (got.length === 1) throw new Error('thrown by a listener')
    })
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const uncaught = once(process, 'uncaughtException')
    try {
      near.send(Buffer.from('one'))
      const [error] = (await within('the error', uncaught)) as [Error]
      expect(error.message).toBe('thrown by a listener')
    } finally {
      for (const other of others) process.on('uncaughtException', other)
    }
    near.send(Buffer.from('two'))
    await eventually('the next arrives', () => got.join() === 'one,two')
  })
})

/** Sends within backpressure. */
async function sendAll(stream: Stream, bytes: Uint8Array): Promise<void> {
  if (!stream.send(bytes)) await within('the drain', once(stream as unknown as EventTarget, 'drain'))
}
