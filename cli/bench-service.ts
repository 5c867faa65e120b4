import { currentActor, expose, findActors, GreenroomError, InvalidArgument, type Portal, sleep } from '../index.ts'
import { type BenchNumbers, measure } from './measure.ts'

/** Bytes of one value of a bench, and milliseconds that each of its measures lasts, at most. */
export const MAX_BENCH_BYTES = 1024 * 1024
export const MAX_BENCH_MS = 30_000
/** Benches that one peer runs at a time: more would measure each other. */
const MAX_BENCHES = 1

let running = 0

function echo(bytes: Uint8Array): Uint8Array {
  return bytes
}

/** The same value again and again, until the consumer leaves or the longest time is over. */
export async function* items(size: number): AsyncGenerator<Uint8Array> {
  if (!(Number.isInteger(size) && size >= 0 && size <= MAX_BENCH_BYTES))
    throw new InvalidArgument(`items of a bench have 0 to ${MAX_BENCH_BYTES} bytes`)
  const item = new Uint8Array(size)
  const end = performance.now() + MAX_BENCH_MS
  for (let i = 0; performance.now() < end; i++) {
    yield item
    // others have their turn
    if (i % 1_024 === 1_023) await sleep(0)
  }
}

/** Measures from this peer to another one. @throws GreenroomError `BUSY` while another bench runs here */
export async function measureTo(id: string, forMs: number): Promise<BenchNumbers> {
  if (!(forMs >= 1 && forMs <= MAX_BENCH_MS)) throw new InvalidArgument(`a measure lasts 1 to ${MAX_BENCH_MS} ms`)
  if (running >= MAX_BENCHES)
    throw new GreenroomError('BUSY', `${currentActor().name} runs a bench already: try again when it is over`)
  running += 1
  try {
    return await measure(portalTo(id), forMs)
  } finally {
    running -= 1
  }
}

function portalTo(id: string): Portal {
  const portal = findActors().find((one) => one.id === id)
  if (portal !== undefined) return portal
  throw new GreenroomError('NO_SUCH_ACTOR', `${currentActor().name} knows no actor with the peer id ${id.slice(0, 64)}`)
}

/** What the peer of a host serves for `greenroom bench`. */
export const benchService = expose(import.meta, { echo, items, measureTo }, 'greenroom-bench')
