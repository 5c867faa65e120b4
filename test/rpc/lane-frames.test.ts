import { describe, expect, test } from 'vitest'
import { decode, encode } from '../../rpc/codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import { LaneFrameReader, sendCall, sendResult } from '../../rpc/lane-frames.ts'
import { transferableArguments } from '../../rpc/request.ts'
import { CALL, RESULT } from '../../rpc/protocol.ts'
import { randomSource } from './fixtures/random.ts'
import { unframed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

function open(): { frames: FrameStream; sent: () => Promise<unknown[][]> } {
  const wire = new RecordingWire()
  const frames = new FrameStream(wire, { onFrame: () => {}, onClose: () => {} })
  const sent = async (): Promise<unknown[][]> => {
    await Promise.resolve()
    return unframed(wire.bytes()) as unknown[][]
  }
  return { frames, sent }
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const numbers = [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0xffffffff, 0x100000000, 2 ** 53]
const negative = [-1, -32, -33, -128, -129, -32_769, -(2 ** 31), -(2 ** 40)]
const fractions = [0.5, -1.25e300, Number.NaN, Number.POSITIVE_INFINITY, -0]
const texts = ['', 'a', 'é', 'ü'.repeat(40), '日本'.repeat(30), '🎭'.repeat(30_000), 'a\0b']
const lengths = [31, 32, 64, 65, 255, 256, 70_000].map((length) => 'x'.repeat(length))
const others = [true, false, null, undefined, 7n, -(2n ** 63n), 2n ** 100n]
const plain: unknown[] = [...numbers, ...negative, ...texts, ...lengths, ...others, ...fractions]

describe('what is written here is what msgpackr reads', () => {
  test.each(plain.map((value, i) => [i, value]))('a result, number %d', async (_, value) => {
    const { frames, sent } = open()
    sendResult(frames, 1_000, value)
    expect(await sent()).toEqual([[RESULT, 1_000, value]])
  })

  test('calls with arguments of every kind, also of objects that come twice', async () => {
    const { frames, sent } = open()
    const shared = { deep: new Map([['a', new Date(5)]]) }
    const calls: unknown[][] = [[], plain, [shared, 1, shared], Array.from({ length: 20 }, (_, i) => i)]
    for (const [id, args] of calls.entries()) sendCall(frames, id, 'film#hi', transferableArguments(args), id, 'value')
    const got = await sent()
    expect(got).toEqual(calls.map((args, id) => [CALL, id, 'film#hi', args, id, 'value']))
    const [first, , second] = got[2]![3] as unknown[]
    expect(first).toBe(second)
  })

  test('calls with a trace, and with or without arguments that stream', async () => {
    const { frames, sent } = open()
    const limit = MAX_FRAME_BYTES
    sendCall(frames, 1, 'film#hi', [5], 250, 'value', undefined, limit, TRACE)
    sendCall(frames, 2, 'film#hi', [null], 0, 'stream', [[0, 'iterable']], limit, `${TRACE} vendor=value`)
    expect(await sent()).toEqual([
      [CALL, 1, 'film#hi', [5], 250, 'value', [], TRACE],
      [CALL, 2, 'film#hi', [null], 0, 'stream', [[0, 'iterable']], `${TRACE} vendor=value`],
    ])
  })

  test('random values, many frames in one batch, small and large ones in turns', async () => {
    const random = randomSource(11)
    const values = Array.from({ length: 2_000 }, (_, i) => (i % 100 === 0 ? random.bytes(20_000) : random.value(4)))
    const { frames, sent } = open()
    for (const [id, value] of values.entries()) sendResult(frames, id, value)
    const expected = values.map((value, id) => decode(encode([RESULT, id, value])))
    expect(await sent()).toEqual(expected)
  })

  test('halves of surrogate pairs, which UTF-8 does not have, become its replacement character', async () => {
    const { frames, sent } = open()
    sendResult(frames, 1, 'x\u{DFFF}y')
    expect(await sent()).toEqual([[RESULT, 1, 'x\u{FFFD}y']])
  })

  test('a frame that is refused leaves nothing behind', async () => {
    const { frames, sent } = open()
    sendResult(frames, 1, 'before')
    expect(() => sendResult(frames, 2, 'x'.repeat(MAX_FRAME_BYTES))).toThrow('MAX_FRAME_BYTES')
    expect(() => sendResult(frames, 3, ['x'.repeat(MAX_FRAME_BYTES + 1)])).toThrow('MAX_FRAME_BYTES')
    expect(() => sendCall(frames, 4, 'film#hi', ['x'.repeat(600_000), 'x'.repeat(600_000)], 0, 'value')).toThrow(
      'MAX_FRAME_BYTES',
    )
    sendResult(frames, 5, 'after')
    expect(await sent()).toEqual([
      [RESULT, 1, 'before'],
      [RESULT, 5, 'after'],
    ])
  })
})

describe('what is read here is what msgpackr reads', () => {
  /** In the middle of other bytes, as frames of a chunk are. */
  const read = (body: Uint8Array, kind: 'readResult' | 'readCall'): LaneFrameReader | undefined => {
    const reader = new LaneFrameReader()
    const bytes = Buffer.concat([Buffer.alloc(3, 0x93), body, Buffer.alloc(9, 0x01)])
    return reader[kind](bytes, 3, 3 + body.length) ? reader : undefined
  }

  test.each(plain.map((value, i) => [i, value]))('a result, number %d, or it is left to msgpackr', (_, value) => {
    const body = encode([RESULT, 70_000, value])
    const reader = read(body, 'readResult')
    expect([RESULT, reader?.id ?? 70_000, reader === undefined ? value : reader.value]).toEqual(decode(body))
  })

  test('numbers, texts, booleans and nothing are read here', () => {
    for (const value of [1, 300, 70_000, 0.5, -3, 'text', 'x'.repeat(1_000), true, null, undefined])
      expect(read(encode([RESULT, 1, value]), 'readResult')).toMatchObject({ id: 1, value })
    const call = encode([CALL, 9, 'film#hi', [1, 'two', null], 250, 'value'])
    expect(read(call, 'readCall')).toMatchObject({
      id: 9,
      functionId: 'film#hi',
      args: [1, 'two', null],
      timeoutMs: 250,
      trace: undefined,
    })
    const traced = encode([CALL, 9, 'film#hi', [1, 'two', null], 250, 'value', [], TRACE])
    expect(read(traced, 'readCall')).toMatchObject({ id: 9, args: [1, 'two', null], timeoutMs: 250, trace: TRACE })
  })

  test.each<[string, unknown]>([
    ['a stream', [CALL, 1, 'film#hi', [], 0, 'stream']],
    ['one whose arguments stream', [CALL, 1, 'film#hi', [null], 0, 'value', [[0, 'iterable']]]],
    ['one whose arguments stream, with a trace', [CALL, 1, 'film#hi', [null], 0, 'value', [[0, 'iterable']], TRACE]],
    ['one with a trace that is no text', [CALL, 1, 'film#hi', [], 0, 'value', [], { evil: true }]],
    ['one with a field too many', [CALL, 1, 'film#hi', [], 0, 'value', [], TRACE, 1]],
    ['one with an object', [CALL, 1, 'film#hi', [{}], 0, 'value']],
    ['one with a negative id', [CALL, -1, 'film#hi', [], 0, 'value']],
    ['one with a fraction as id', [CALL, 1.5, 'film#hi', [], 0, 'value']],
    ['one with a negative timeout', [CALL, 1, 'film#hi', [], -5, 'value']],
    ['one without a function', [CALL, 1, null, [], 0, 'value']],
    ['one without arguments', [CALL, 1, 'film#hi', null, 0, 'value']],
    ['another request', [2, 1, 'x', 'y']],
  ])('a call that is %s is left to the general way', (_, frame) => {
    expect(read(encode(frame), 'readCall')).toBeUndefined()
  })

  test('no cut or changed byte makes it read past the end, throw, or read something that msgpackr reads otherwise', () => {
    const random = randomSource(5)
    const calls = [[1, 'two', 3.5, null, true], ['x'.repeat(300)], []].map((args, i) =>
      encode([CALL, 10 ** i, 'film#hi', args, 70_000, 'value', ...(i === 1 ? [] : [[], TRACE])]),
    )
    const results = plain.slice(0, 40).map((value) => encode([RESULT, 5, value]))
    for (let i = 0; i < 20_000; i++) {
      const [of, kind] = i % 2 ? ([calls, 'readCall'] as const) : ([results, 'readResult'] as const)
      const body = Buffer.from(of[random.int(of.length)]!)
      body[random.int(Math.min(body.length, 40))] = random.int(256)
      const cut = body.subarray(0, body.length - (random.chance(0.3) ? random.int(body.length) : 0))
      const reader = read(cut, kind)
      if (reader === undefined) continue
      const frame =
        kind === 'readCall'
          ? [CALL, reader.id, reader.functionId, reader.args, reader.timeoutMs, 'value', ...traceOf(reader)]
          : [RESULT, reader.id, reader.value]
      expect(frame).toEqual(decode(cut))
    }
  })

  const traceOf = ({ trace }: LaneFrameReader): unknown[] => (trace === undefined ? [] : [[], trace])

  test('a function called again and again is read once, and another one after it as itself', () => {
    const reader = new LaneFrameReader()
    const names = ['film#hi', 'film#hi', 'film#hiho', 'film#h', 'film#hi', 'a#b']
    const got = names.map((name, id) => {
      const body = encode([CALL, id, name, [], 0, 'value'])
      return reader.readCall(body, 0, body.length) ? reader.functionId : undefined
    })
    expect(got).toEqual(names)
  })
})
