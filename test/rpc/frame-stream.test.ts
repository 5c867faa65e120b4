import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { LimitExceeded, ProtocolError } from '../../node/errors.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'
import { FrameStream, MAX_QUEUED_BYTES } from '../../rpc/frame-stream.ts'
import { framed, unframed, withLength } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Opened {
  readonly wire: RecordingWire
  readonly stream: FrameStream
  readonly frames: unknown[]
  readonly closes: (Error | undefined)[]
}

function open(flush?: 'microtask' | 'turn', onFrame?: (frame: unknown) => void): Opened {
  const wire = new RecordingWire()
  const frames: unknown[] = []
  const closes: (Error | undefined)[] = []
  const stream = new FrameStream(
    wire,
    {
      onFrame: (frame) => {
        onFrame?.(frame)
        frames.push(frame)
      },
      onClose: (error) => closes.push(error),
    },
    flush,
  )
  return { wire, stream, frames, closes }
}

const three = [[1, 'one'], { two: [2, { deep: true }] }, 'three']
const large = 'x'.repeat(MAX_FRAME_BYTES - 1_000)

describe('sending', () => {
  test('all frames of one microtask leave in one send, in their order', async () => {
    const { wire, stream } = open()
    for (const frame of three) stream.send(frame)
    expect(wire.sent).toEqual([])
    await Promise.resolve()
    expect(wire.sent).toHaveLength(1)
    expect(unframed(wire.bytes())).toEqual(three)
  })

  test('with a flush a turn, frames of a loop that awaits in between leave in one send', async () => {
    const { wire, stream } = open('turn')
    for (const frame of three) {
      stream.send(frame)
      await Promise.resolve()
    }
    expect(wire.sent).toEqual([])
    await new Promise(setImmediate)
    expect(wire.sent).toHaveLength(1)
    expect(unframed(wire.bytes())).toEqual(three)
  })

  test('a frame that is in no hurry leaves ahead of the next one, in one send', async () => {
    const { wire, stream } = open()
    stream.sendSoon('soon')
    await Promise.resolve()
    expect(wire.sent).toEqual([])
    stream.send('now')
    await new Promise(setImmediate)
    expect(wire.sent).toHaveLength(1)
    expect(unframed(wire.bytes())).toEqual(['soon', 'now'])
  })

  test('a frame that is in no hurry leaves alone at the end of the turn', async () => {
    const { wire, stream } = open()
    stream.sendSoon('soon')
    await new Promise(setImmediate)
    expect(unframed(wire.bytes())).toEqual(['soon'])
  })

  test('a frame that is in no hurry waits for a peer that does not read, and is dropped by a closed stream', async () => {
    const { wire, stream } = open()
    wire.accepts = false
    stream.send('first')
    await Promise.resolve()
    stream.sendSoon('soon')
    await new Promise(setImmediate)
    expect(unframed(wire.bytes())).toEqual(['first'])
    wire.onDrain?.()
    expect(unframed(wire.bytes())).toEqual(['first', 'soon'])
    stream.close()
    stream.sendSoon('late')
    await new Promise(setImmediate)
    expect(unframed(wire.bytes())).toEqual(['first', 'soon'])
  })

  test('a frame above MAX_FRAME_BYTES is refused by name, and nothing of it is sent', async () => {
    const { wire, stream } = open()
    const sending = (): number => stream.send('x'.repeat(MAX_FRAME_BYTES))
    expect(sending).toThrow(LimitExceeded)
    expect(sending).toThrow(expect.objectContaining({ limit: 'MAX_FRAME_BYTES' }))
    stream.send('small')
    await Promise.resolve()
    expect(unframed(wire.bytes())).toEqual(['small'])
  })

  test('what waits for a peer that does not read is bounded by MAX_QUEUED_BYTES, except for control frames', async () => {
    const { wire, stream } = open()
    wire.accepts = false
    stream.send('first')
    await Promise.resolve()
    let sent = 0
    const fill = (): void => {
      for (; sent < 100; sent++) stream.send(large)
    }
    expect(fill).toThrow(expect.objectContaining({ limit: 'MAX_QUEUED_BYTES' }))
    expect(sent * large.length).toBeLessThanOrEqual(MAX_QUEUED_BYTES + MAX_FRAME_BYTES)
    expect(wire.sent).toHaveLength(1)
    stream.sendControl('stop')
    wire.accepts = true
    wire.onDrain?.()
    expect(unframed(wire.bytes())).toHaveLength(1 + sent + 1)
    expect(unframed(wire.bytes()).at(-1)).toBe('stop')
  })

  test('drained() waits while the wire asks for it, and gives nothing when there is room', async () => {
    const { wire, stream } = open()
    expect(stream.drained()).toBeUndefined()
    wire.accepts = false
    stream.send('first')
    await Promise.resolve()
    const drained = stream.drained()
    expect(drained).toBeInstanceOf(Promise)
    expect(stream.drained()).toBe(drained)
    wire.accepts = true
    wire.onDrain?.()
    await drained
    expect(stream.drained()).toBeUndefined()
  })

  test('drained() waits while a full batch waits for its flush', async () => {
    const { stream } = open()
    stream.send(large)
    stream.send(large)
    await stream.drained()
    expect(stream.drained()).toBeUndefined()
  })

  test('whoever waits for room is woken by the end of the stream', async () => {
    const { wire, stream } = open()
    wire.accepts = false
    stream.send('first')
    await Promise.resolve()
    const drained = stream.drained()
    wire.onClose?.(new Error('cut'))
    await drained
    expect(stream.drained()).toBeUndefined()
  })
})

describe('receiving', () => {
  const bytes = framed(...three)

  test('frames survive every split of their bytes in two', () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { wire, frames } = open()
      wire.onData?.(bytes.subarray(0, at))
      wire.onData?.(bytes.subarray(at))
      expect(frames).toEqual(three)
    }
  })

  test('frames survive every size of chunk, single bytes included', () => {
    for (let size = 1; size <= bytes.length; size++) {
      const { wire, frames } = open()
      for (let at = 0; at < bytes.length; at += size) wire.onData?.(bytes.subarray(at, at + size))
      expect(frames).toEqual(three)
    }
  })

  test('a frame of exactly MAX_FRAME_BYTES arrives', () => {
    const { wire, frames, closes } = open()
    wire.onData?.(framed('x'.repeat(MAX_FRAME_BYTES - 5)))
    expect([frames.length, closes.length]).toEqual([1, 0])
  })

  test.each([MAX_FRAME_BYTES + 1, 0x7fffffff, 0xffffffff])(
    'a frame announced with %d bytes aborts this stream before it arrives, and no other one',
    (size) => {
      const bad = open()
      const good = open()
      const header = Buffer.alloc(4)
      header.writeUInt32BE(size)
      bad.wire.onData?.(header)
      good.wire.onData?.(bytes)
      expect(bad.wire.aborted).toBeInstanceOf(ProtocolError)
      expect(bad.closes).toEqual([bad.wire.aborted])
      expect(bad.stream.closed).toBe(true)
      expect([good.frames, good.stream.closed]).toEqual([three, false])
    },
  )

  test('frames before garbage are delivered, those after it are not', () => {
    const { wire, frames, closes } = open()
    wire.onData?.(Buffer.concat([framed('before'), withLength(Buffer.from([0xc1, 0xff, 0xc1])), framed('after')]))
    wire.onData?.(framed('later'))
    expect(frames).toEqual(['before'])
    expect(closes).toHaveLength(1)
    expect(closes[0]).toBeInstanceOf(ProtocolError)
  })

  test.each([
    ['an empty body', new Uint8Array()],
    ['two values in one body', Buffer.concat([Buffer.from([1]), Buffer.from([2])])],
    ['a truncated string', Buffer.from([0xd9, 200, 65])],
    ['an array that announces four billion entries', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['nesting without end', Buffer.alloc(200_000, 0x91)],
    ['a pointer to nothing', Buffer.from([0xd6, 0x70, 0, 0, 0, 9])],
  ])('%s is garbage', (_, body) => {
    const { wire, frames, closes } = open()
    wire.onData?.(withLength(body))
    expect(frames).toEqual([])
    expect(closes[0]).toBeInstanceOf(ProtocolError)
  })

  test('a frame that is cut off by the end of the stream is never delivered', () => {
    const { wire, frames, closes } = open()
    wire.onData?.(bytes.subarray(0, bytes.length - 1))
    wire.onClose?.(undefined)
    expect([frames.length, closes]).toEqual([2, [undefined]])
  })

  test('a handler that throws aborts the stream with its error', () => {
    const boom = new ProtocolError('not now')
    const { wire, closes } = open('microtask', () => {
      throw boom
    })
    wire.onData?.(bytes)
    expect(wire.aborted).toBe(boom)
    expect(closes).toEqual([boom])
  })

  test('a handler that ends the stream gets no further frame', () => {
    const opened = open('microtask', () => opened.stream.close())
    opened.wire.onData?.(bytes)
    expect(opened.frames).toEqual([three[0]])
    expect(opened.closes).toEqual([undefined])
  })
})

describe('the end', () => {
  test('close() sends what is queued first, also to a peer that reads slowly', async () => {
    const { wire, stream, closes } = open()
    wire.accepts = false
    stream.send('one')
    await Promise.resolve()
    stream.send('two')
    stream.close()
    expect(unframed(wire.bytes())).toEqual(['one', 'two'])
    expect([wire.closed, closes]).toEqual([true, [undefined]])
  })

  test('it is told once, however it comes', () => {
    const { wire, stream, closes } = open()
    const cut = new Error('cut')
    wire.onClose?.(cut)
    stream.close()
    stream.abort(new Error('late'))
    wire.onClose?.(undefined)
    expect(closes).toEqual([cut])
    expect(wire.aborted).toBeUndefined()
  })

  test('a closed stream drops what is sent', async () => {
    const { wire, stream } = open()
    stream.close()
    stream.send('dropped')
    await Promise.resolve()
    expect(wire.sent).toEqual([])
  })

  test('a wire that throws is a cut wire', async () => {
    const { wire, stream, closes } = open()
    const gone = new Error('the stream is gone')
    wire.send = () => {
      throw gone
    }
    stream.send('lost')
    await Promise.resolve()
    expect(closes).toEqual([gone])
  })
})

test('a frame that comes byte by byte costs the memory of its bytes, not of what they came in', () => {
  const { wire, frames } = open()
  const bytes = framed(new Uint8Array(100_000).fill(7))
  const before = process.memoryUsage().arrayBuffers
  for (const byte of bytes.subarray(0, -1)) {
    const network = new Uint8Array(8 * 1024)
    network[0] = byte
    wire.onData?.(network.subarray(0, 1))
  }
  collect()
  // 800 MB of network buffers would be held by one byte each
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000)
  wire.onData?.(bytes.subarray(-1))
  expect(frames).toEqual([new Uint8Array(100_000).fill(7)])
})
