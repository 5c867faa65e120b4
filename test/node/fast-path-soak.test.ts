import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { describe, expect, test } from 'vitest'
import { onBytes } from '../../node/fast-path/on-bytes.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'
import { type HostPair, hostPair, PAIRS } from './fast-path-pair.ts'

expectNothingLeft()

const SOAK_MS = 2_500
const STREAMS = 8

/** Repeatable randomness (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A hash of what arrives, on a consumer that pauses now and then. */
class Received {
  bytes = 0
  ended = false
  readonly hash = createHash('sha256')

  constructor(stream: Stream, rng: () => number) {
    const take = (bytes: Uint8Array): void => {
      this.bytes += bytes.byteLength
      this.hash.update(bytes)
      if (rng() > 0.02 || stream.readStatus !== 'readable') return
      stream.pause()
      setTimeout(() => stream.readStatus === 'paused' && stream.resume(), rng() * 20)
    }
    if (rng() < 0.5) onBytes(stream, take)
    else stream.addEventListener('message', (event) => take(event.data.subarray()))
    stream.addEventListener('remoteCloseWrite', () => (this.ended = true))
  }
}

/** Sends messages of all sizes until the time is over, then ends; gives what was sent. */
async function pour(stream: Stream, rng: () => number, until: number): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  while (performance.now() < until) {
    const message = new Uint8Array(1 + Math.floor(rng() ** 4 * (rng() < 0.05 ? 400_000 : 20_000)))
    for (let at = 0; at < message.byteLength; at += 1 + (message.byteLength >> 6)) message[at] = rng() * 256
    hash.update(message)
    bytes += message.byteLength
    if (!stream.send(message)) await within('the drain', once(stream as unknown as EventTarget, 'drain'))
    const pause = rng()
    if (pause < 0.05) await delay(pause * 100)
    else if (pause < 0.5) await new Promise(setImmediate)
  }
  await stream.close()
  return { bytes, digest: hash.digest('hex') }
}

async function soakStream(pair: HostPair, rng: () => number, until: number): Promise<void> {
  while (performance.now() < until) {
    const [near, far] = await pair.open()
    const [toFar, toNear] = [new Received(far, rng), new Received(near, rng)]
    const end = Math.min(until, performance.now() + rng() * SOAK_MS)
    if (rng() < 0.2) {
      // others must not notice
      near.send(new Uint8Array(Math.floor(rng() * 100_000)))
      far.abort(new Error('enough'))
      continue
    }
    const sent = await Promise.all([pour(near, rng, end), pour(far, rng, end)])
    await eventually('both ends arrive', () => toFar.ended && toNear.ended)
    await eventually('all bytes arrive', () => toFar.bytes === sent[0].bytes && toNear.bytes === sent[1].bytes)
    expect([toFar.hash.digest('hex'), toNear.hash.digest('hex')]).toEqual(sent.map(({ digest }) => digest))
    await eventually('both are closed', () => near.status === 'closed' && far.status === 'closed')
  }
}

describe('random traffic on many streams, with pauses, ends and resets, arrives whole', () => {
  test.each(PAIRS)('%s', async (_, dialler, listener) => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    await using pair = await hostPair(dialler, listener)
    const until = performance.now() + SOAK_MS
    const soaks = Array.from({ length: STREAMS }, async (_each, i) => await soakStream(pair, random(seed + i), until))
    await Promise.all(soaks).catch((cause: unknown) => {
      throw new Error(`with seed ${seed}`, { cause })
    })
    expect(pair.near.connection.status).toBe('open')
    await eventually('no stream is left', () => {
      const open = (streams: readonly Stream[]): number =>
        streams.filter(({ protocol }) => protocol.includes('fast-path')).length
      return open(pair.near.connection.streams) + open(pair.far.connection.streams) === 0
    })
  })
})
