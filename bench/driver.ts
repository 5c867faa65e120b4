import { coreStep } from './core-step.ts'
import { answer } from './instruments.ts'
import {
  ARGUMENT,
  type HostsEvent,
  type Kind,
  type Lifetime,
  type MeshEvent,
  PIECE_BYTES,
  type Subject,
} from './subject.ts'
import { ratePerSecond, roundTrips } from './load.ts'
import { Meter } from './meter.ts'
import { percentile } from './statistics.ts'

/** What the bench tells the calling end of a pair to measure. */
export type Command =
  | { readonly type: 'calls'; readonly inFlight: number; readonly windowMs: number }
  | { readonly type: 'pull'; readonly kind: Kind; readonly windowMs: number }
  | { readonly type: 'beside'; readonly windowMs: number }
  | { readonly type: 'allocation'; readonly inFlight: number; readonly windowMs: number }
  | { readonly type: 'cold' }
  | { readonly type: 'spawn' }
  | { readonly type: 'lifetime'; readonly what: Lifetime }
  | { readonly type: 'discovery'; readonly what: MeshEvent }
  | { readonly type: 'hosts'; readonly what: HostsEvent; readonly windowMs: number }
  | { readonly type: 'step'; readonly windowMs: number }
  | { readonly type: 'profile'; readonly command: Command; readonly caller: string; readonly callee: string }

/** What was measured, by metric. */
export type Reading = Readonly<Record<string, number>>

/** The answer to one command. */
export type Reply = { readonly reading: Reading } | { readonly error: string } | { readonly ready: true }

/** New processes that make their first call in one turn, of which the median counts: each is a roll of the dice. */
const COLD_CALLS = 3

/** Measures a subject as it is told to: see {@link serve}. */
export async function serveCommands(subject: Subject, failed: Promise<never>): Promise<void> {
  await serve(async (command) => await measure(subject, command), failed)
}

/**
 * Obeys commands over the private channel, one after the other, until the channel closes or `failed` rejects.
 *
 * @throws what `failed` rejects with, while the channel is open
 */
export async function serve(take: (command: Command) => Promise<Reading>, failed: Promise<never>): Promise<void> {
  const released = Promise.withResolvers<void>()
  const obey = async (command: Command): Promise<void> => {
    process.send?.(await take(command).then((reading) => ({ reading }), described))
  }
  const onMessage = (command: Command): void => void obey(command)
  process.on('message', onMessage)
  process.once('disconnect', () => released.resolve())
  process.send?.({ ready: true } satisfies Reply)
  failed.catch(() => {})
  await Promise.race([released.promise, failed])
  process.off('message', onMessage)
}

async function measure(subject: Subject, command: Command): Promise<Reading> {
  switch (command.type) {
    case 'calls':
      return await calls(subject, command.inFlight, command.windowMs)
    case 'pull':
      return await pull(subject, command.kind, command.windowMs)
    case 'beside':
      return await beside(subject, command.windowMs)
    case 'allocation':
      return await allocation(subject, command.inFlight, command.windowMs)
    case 'cold':
      return { ms: await cold(subject) }
    case 'spawn':
      if (subject.spawn === undefined) throw new Error('this pair spawns nothing')
      return { ...(await subject.spawn()) }
    case 'lifetime':
      if (subject.lifetime === undefined) throw new Error('this pair starts no actors')
      return { value: await subject.lifetime(command.what) }
    case 'discovery':
      throw new Error('this pair is no mesh')
    case 'hosts':
      throw new Error('this pair is on one host')
    case 'step':
      return { us: coreStep(command.windowMs) }
    case 'profile':
      return await profile(subject, command)
  }
}

async function calls(subject: Subject, inFlight: number, windowMs: number): Promise<Reading> {
  const call = (): Promise<unknown> => subject.echo(ARGUMENT)
  if (inFlight > 1) return { rate: (await ratePerSecond(inFlight, windowMs, call)).rate }
  const { rate, us } = await roundTrips(windowMs, call)
  return { rate, p50: percentile(us, 50), p99: percentile(us, 99) }
}

async function pull(subject: Subject, kind: Kind, windowMs: number): Promise<Reading> {
  const meter = new Meter(windowMs, kind === 'items' ? 64 : 1)
  const cpu = async (): Promise<[number, number]> => [await answer('cpu'), await subject.ask('cpu')]
  const [consumerBefore, producerBefore] = await cpu()
  await subject.pull(kind, () => meter.take())
  if (kind === 'items') return { rate: meter.rate }
  const [consumer, producer] = await cpu()
  const megabytes = (meter.items * PIECE_BYTES) / 1_000_000
  return {
    rate: (meter.rate * PIECE_BYTES) / 1_000_000,
    consumer: (consumer - consumerBefore) / megabytes,
    producer: (producer - producerBefore) / megabytes,
  }
}

/** One call after another, first alone, then while pieces stream over the same connection. */
async function beside(subject: Subject, windowMs: number): Promise<Reading> {
  const call = (): Promise<unknown> => subject.echo(ARGUMENT)
  const alone = (await roundTrips(windowMs, call)).us
  let pieces = 0
  let streaming = true
  const started = Promise.withResolvers<void>()
  const pulled = subject.pull('pieces', () => {
    if (++pieces === 8) started.resolve()
    return streaming
  })
  await Promise.race([started.promise, pulled])
  const before = pieces
  const { us, ms } = await roundTrips(windowMs, call)
  const bulk = ((pieces - before) * PIECE_BYTES) / ms / 1_000
  streaming = false
  await pulled
  const [idle, p99] = [percentile(alone, 99), percentile(us, 99)]
  return { idleP50: percentile(alone, 50), idle, p50: percentile(us, 50), p99, over: p99 / idle, bulk }
}

async function cold(subject: Subject): Promise<number> {
  if (subject.cold === undefined) throw new Error('this pair makes no cold calls')
  const ms: number[] = []
  while (ms.length < COLD_CALLS) ms.push(await subject.cold())
  return percentile(ms, 50)
}

/** Bytes of heap that one call allocates on either end. */
async function allocation(subject: Subject, inFlight: number, windowMs: number): Promise<Reading> {
  const both = async (): Promise<[number, number]> => [await answer('allocated'), await subject.ask('allocated')]
  const [callerBefore, calleeBefore] = await both()
  const { done } = await ratePerSecond(inFlight, windowMs, () => subject.echo(ARGUMENT))
  const [caller, callee] = await both()
  return { caller: (caller - callerBefore) / done, callee: (callee - calleeBefore) / done }
}

async function profile(subject: Subject, command: Command & { readonly type: 'profile' }): Promise<Reading> {
  await measure(subject, command.command)
  await subject.ask('startProfile')
  await answer('startProfile')
  const reading = await measure(subject, command.command)
  await answer({ profileInto: command.caller })
  await subject.ask({ profileInto: command.callee })
  return reading
}

function described(error: unknown): Reply {
  return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}
