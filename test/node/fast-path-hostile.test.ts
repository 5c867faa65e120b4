import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { MAX_STREAM_WINDOW } from '../../node/host.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { header, type HostPair, hostPair, PAIRS, recut, sendPlaintext, Sink } from './fast-path-pair.ts'

expectNothingLeft()

const [DATA, WINDOW_UPDATE, PING] = [0, 1, 2]
const [SYN, ACK] = [1, 2]

/** Resolves with the error that ends the far end of a connection. */
function farEnd(pair: HostPair): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  pair.far.noise.addEventListener('close', (event) => resolve(event.error))
  return promise
}

/** A third host still reaches the far one, which serves it as before. */
async function expectOthersServed(pair: HostPair): Promise<void> {
  const [near, far] = await pair.openFromAnother()
  const sink = new Sink(far)
  near.send(Buffer.from('hello'))
  await eventually('others are served', () => sink.bytes === 5)
}

async function expectGone(pair: HostPair): Promise<void> {
  await eventually('both ends are closed', () =>
    [pair.near, pair.far].every(({ connection }) => connection.status !== 'open'),
  )
}

describe.each(PAIRS)('%s', (_, dialler, listener) => {
  test.each([50, 600, 30_000, 100_000])(
    'ciphertext of %d bytes that was tampered with ends the connection with an error, and nothing else',
    async (size) => {
      await using pair = await hostPair(dialler, listener)
      const [near, far] = await pair.open()
      const sink = new Sink(far)
      const ended = farEnd(pair)
      let seen = 0
      recut(pair.far, (read) => {
        // one bit, in the middle of what is on the way
        const at = (size >> 1) - seen
        if (at >= 0 && at < read.byteLength) read[at]! ^= 1
        seen += read.byteLength
        return [read]
      })
      near.send(randomBytes(size))
      near.send(Buffer.from('after it'))
      expect(await within('the end', ended)).toBeInstanceOf(Error)
      await expectGone(pair)
      // of a large message whole noise frames may have come before the one that was tampered with
      expect(sink.bytes).toBeLessThanOrEqual(size > 65_000 ? size : 0)
      expect(sink.all().includes('after it')).toBe(false)
      await expectOthersServed(pair)
    },
  )

  test.each([1, 15])('a noise frame of %d bytes, too short for a tag, ends the connection', async (size) => {
    await using pair = await hostPair(dialler, listener)
    await pair.open()
    const ended = farEnd(pair)
    pair.near.socket.socket.write(Buffer.concat([Buffer.from([0, size]), randomBytes(size)]))
    expect(await within('the end', ended)).toBeInstanceOf(Error)
    await expectGone(pair)
    await expectOthersServed(pair)
  })

  test('empty noise frames are passed over', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    pair.near.socket.socket.write(Buffer.alloc(20))
    near.send(Buffer.from('still there'))
    await eventually('the next frame arrives', () => sink.bytes === 11)
  })

  test('garbage instead of noise frames ends the connection', async () => {
    await using pair = await hostPair(dialler, listener)
    await pair.open()
    const ended = farEnd(pair)
    for (let i = 0; i < 5; i++) pair.near.socket.socket.write(randomBytes(65_536))
    expect(await within('the end', ended)).toBeInstanceOf(Error)
    await expectGone(pair)
    await expectOthersServed(pair)
  })

  test.each([
    ['of another version', () => header(DATA, 0, 1, 0, 1)],
    ['of an unknown type', (id: number) => header(9, 0, id, 0)],
    ['a ping without a flag', () => header(PING, 0, 0, 7)],
    ['data on the session', () => Buffer.concat([header(DATA, 0, 0, 1), Buffer.alloc(1)])],
    ['a stream with an id of the other side', () => header(WINDOW_UPDATE, SYN, 1_002, 0)],
    ['data above the window', (id: number) => Buffer.concat([header(DATA, 0, id, 300_000), Buffer.alloc(300_000)])],
  ] as const)('a yamux frame that is wrong ends the connection: %s', async (_what, frame) => {
    await using pair = await hostPair(dialler, listener)
    const [near] = await pair.open()
    const ended = farEnd(pair)
    const bytes = frame(Number(near.id))
    for (let at = 0; at < bytes.byteLength; at += 50_000) sendPlaintext(pair.near, bytes.subarray(at, at + 50_000))
    expect(await within('the end', ended)).toBeInstanceOf(Error)
    await expectGone(pair)
    await expectOthersServed(pair)
  })

  test('a flagged data frame and zero-length frames are taken as stock takes them', async () => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const id = Number(near.id)
    sendPlaintext(pair.near, header(DATA, 0, id, 0))
    sendPlaintext(pair.near, Buffer.concat([header(DATA, ACK, id, 3), Buffer.from('one')]))
    sendPlaintext(pair.near, Buffer.concat([header(DATA, ACK, id, 3), Buffer.from('t')]))
    sendPlaintext(pair.near, Buffer.from('wo'))
    sendPlaintext(pair.near, header(DATA, ACK, id, 0))
    sendPlaintext(pair.near, Buffer.concat([header(DATA, 0, 77_777, 9), Buffer.from('to nobody')]))
    sendPlaintext(pair.near, Buffer.concat([header(DATA, 0, id, 5), Buffer.from('three')]))
    await eventually('all arrives', () => sink.all().toString() === 'onetwothree')
  })
})

describe('a length that nothing could hold ends the connection at its header, not when memory is full', () => {
  test.each([
    ['on an open stream', (id: number) => header(DATA, 0, id, 0xffff_ffff)],
    ['on an open stream, with a flag', (id: number) => header(DATA, ACK, id, 0xffff_ffff)],
    ['on a stream that is not there', () => header(DATA, 0, 4_441, 0xffff_ffff)],
    ['on a new stream', () => header(DATA, SYN, 4_443, MAX_STREAM_WINDOW + 1)],
  ] as const)('%s', async (_what, frame) => {
    for (const path of ['on', 'off'] as const) {
      await using pair = await hostPair(path, 'on')
      const [near] = await pair.open()
      const ended = farEnd(pair)
      sendPlaintext(pair.near, frame(Number(near.id)))
      expect(await within('the end', ended)).toBeInstanceOf(Error)
      await expectGone(pair)
      await expectOthersServed(pair)
    }
  })
})

describe.each(PAIRS)('nonces that are used up, %s', (_, dialler, listener) => {
  const USED_UP = 'Cipherstate has reached maximum n'

  test.each([
    [10, 0],
    [10_000, 0],
    [100_000, 1],
  ])('a message of %d bytes is refused at noise frame %d and the connection ends', async (size, frames) => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const stock = pair.near.noise.handshake.encrypt.bind(pair.near.noise.handshake)
    let left = frames
    pair.near.noise.handshake.encrypt = (plaintext) => {
      if (left === 0) throw new Error(USED_UP)
      left -= 1
      return stock(plaintext)
    }
    expect(() => near.send(randomBytes(size))).toThrow(USED_UP)
    await expectGone(pair)
    expect(sink.bytes).toBe(0)
    await expectOthersServed(pair)
  })

  test.each([10, 10_000])('a received message of %d bytes ends the connection with that error', async (size) => {
    await using pair = await hostPair(dialler, listener)
    const [near, far] = await pair.open()
    const sink = new Sink(far)
    const ended = farEnd(pair)
    pair.far.noise.handshake.decrypt = () => {
      throw new Error(USED_UP)
    }
    near.send(randomBytes(size))
    expect((await within('the end', ended))?.message).toBe(USED_UP)
    await expectGone(pair)
    expect(sink.bytes).toBe(0)
  })
})
