import { type Portal, sleep } from '../index.ts'

/** Calls that are under way at a time when throughput is measured. */
const BENCH_CONCURRENCY = 64
/** Bytes of a call, and of an item of the stream whose bytes are counted. */
const BENCH_CALL_BYTES = 32
const BENCH_ITEM_BYTES = 64 * 1024
/** Calls that are made first and not counted. */
const WARM_UP = 200

/** Calls and streams between two members; times are in microseconds. */
export interface BenchNumbers {
  /** One call after the other. */
  readonly calls: {
    readonly count: number
    readonly p50Us: number
    readonly p99Us: number
    readonly maxUs: number
  }
  /** 64 at a time. */
  readonly callsPerS: number
  readonly itemsPerS: number
  readonly streamBytesPerS: number
}

/** @param forMs how long each of the four measures lasts, in milliseconds */
export async function measure(portal: Portal, forMs: number): Promise<BenchNumbers> {
  const payload = new Uint8Array(BENCH_CALL_BYTES)
  const call = async (): Promise<unknown> => await portal.call('greenroom-bench#echo', payload)
  for (let i = 0; i < WARM_UP; i++) await call()
  const calls = await oneByOne(call, forMs)
  const callsPerS = await sideBySide(call, forMs)
  const small = await streamed(portal, BENCH_CALL_BYTES, forMs)
  const large = await streamed(portal, BENCH_ITEM_BYTES, forMs)
  return { calls, callsPerS, itemsPerS: small, streamBytesPerS: large * BENCH_ITEM_BYTES }
}

async function oneByOne(call: () => Promise<unknown>, forMs: number): Promise<BenchNumbers['calls']> {
  const times: number[] = []
  for (const end = performance.now() + forMs; performance.now() < end;) {
    const began = performance.now()
    await call()
    times.push((performance.now() - began) * 1_000)
  }
  const sorted = Float64Array.from(times).sort()
  const at = (share: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * share)] ?? 0)
  return { count: sorted.length, p50Us: at(0.5), p99Us: at(0.99), maxUs: at(1) }
}

async function sideBySide(call: () => Promise<unknown>, forMs: number): Promise<number> {
  const began = performance.now()
  let count = 0
  const work = async (): Promise<void> => {
    for (; performance.now() - began < forMs; count++) await call()
  }
  await Promise.all(Array.from({ length: BENCH_CONCURRENCY }, work))
  return perSecond(count, performance.now() - began)
}

async function streamed(portal: Portal, bytes: number, forMs: number): Promise<number> {
  const began = performance.now()
  let count = 0
  for await (const _ of portal.stream('greenroom-bench#items', bytes)) {
    count += 1
    if (performance.now() - began >= forMs) break
    if (count % 1_024 === 0) await sleep(0)
  }
  return perSecond(count, performance.now() - began)
}

function perSecond(count: number, ms: number): number {
  return Math.round((count * 1_000) / ms)
}
