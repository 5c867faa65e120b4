import { CancelScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { type ActorRef, Cancelled, type RemoteActorError } from '../node/errors.ts'
import { Channel } from './channel.ts'
import { encodeFailure } from './error-codec.ts'
import { PART_FIRST_ARGUMENT, type StreamArgument } from './protocol.ts'
import { isStream, type StreamSource, takeSources } from './stream-sources.ts'
import type { Wire } from './wire.ts'

/** Milliseconds that the end of a call waits for the clean-up of arguments that streamed. */
export const SOURCE_RETURN_MS = 1_000

/** A call under way, with or without arguments that stream. */
export interface RunningCall {
  readonly id: number
  readonly outcome: Promise<unknown>
  /**
   * @param cut the call's own stream broke: should the peer have died, that is the outcome
   * @param ackMs how long the outcome waits for the callee's acknowledgement
   */
  cancel(reason: Cancelled, cut?: boolean, ackMs?: number): void
}

/** A new stream to the callee, for one part of a call. */
export interface PartWire {
  readonly wire: Wire
  /** Whether failures that are sent to the callee carry stacks: known once both sides have met. */
  readonly peer: { readonly peerSeesStacks: boolean }
}

/** How a call is started and what its arguments travel over. */
export interface CallStart {
  readonly self: ActorRef
  readonly scope: CancelScope
  start(values: readonly unknown[], streams?: readonly StreamArgument[]): Promise<RunningCall>
  openPart(): Promise<PartWire>
}

const ofSource = new WeakMap<RemoteActorError, number>()

/** Notes that a failure is the one that the caller's own source raised. */
export function noteSource(failure: RemoteActorError, index: number): void {
  ofSource.set(failure, index)
}

/**
 * Starts a call; arguments that are async iterables or `ReadableStream`s stream to the callee, each over a libp2p
 * stream of its own, until the callee leaves them or the call ends.
 */
export async function startCall(args: readonly unknown[], how: CallStart): Promise<RunningCall> {
  if (!args.some(isStream)) return await how.start(args)
  const { values, sources } = takeSources(args)
  try {
    const call = await how.start(
      values,
      sources.map(({ index, shape }) => [index, shape]),
    )
    return new CallWithSources(call, sources, how)
  } catch (error) {
    await leaveAll(sources)
    throw error
  }
}

/** Leaves the arguments that stream of a call that could not be started, and waits for their clean-up within a bound. */
export async function leaveArguments(args: readonly unknown[]): Promise<void> {
  await leaveAll(takeSources(args).sources)
}

async function leaveAll(sources: readonly StreamSource[]): Promise<void> {
  await bounded(sources.map(async (source) => await source.leave().catch(() => {})))
}

/** A call whose outcome waits, within a bound, until its sources were left. */
class CallWithSources implements RunningCall {
  readonly id: number
  readonly outcome: Promise<unknown>
  readonly #call: RunningCall
  readonly #pumps: readonly ArgumentPump[]
  readonly #cut = new Cancelled('the caller', 'an argument could not be streamed')

  constructor(call: RunningCall, sources: readonly StreamSource[], how: CallStart) {
    this.id = call.id
    this.#call = call
    this.#pumps = sources.map(
      (source) => new ArgumentPump(source, call.id, how, () => this.#call.cancel(this.#cut, true)),
    )
    this.outcome = this.#settle()
    this.outcome.catch(() => {})
  }

  cancel(reason: Cancelled, cut?: boolean, ackMs?: number): void {
    for (const pump of this.#pumps) pump.stop(reason)
    this.#call.cancel(reason, cut, ackMs)
  }

  async #settle(): Promise<unknown> {
    try {
      const value = await this.#call.outcome
      await this.#stopPumps()
      for (const { cleanUpFailure } of this.#pumps) if (cleanUpFailure !== undefined) throw cleanUpFailure.error
      return value
    } catch (error) {
      await this.#stopPumps()
      throw this.#original(error)
    } finally {
      for (const pump of this.#pumps) pump.close()
    }
  }

  async #stopPumps(): Promise<void> {
    const over = new Cancelled('the callee', 'the call that it is an argument of has ended')
    for (const pump of this.#pumps) pump.stop(over)
    await bounded(this.#pumps.map(async ({ left }) => await left))
  }

  /** What the caller's own code raised comes back to it as it was. */
  #original(error: unknown): unknown {
    const source = ofSource.get(error as RemoteActorError)
    const pump = this.#pumps.find((one) =>
      error === this.#cut ? one.failure !== undefined : one.source.index === source,
    )
    return pump?.failure === undefined ? error : pump.failure.error
  }
}

/** Sends the items of one argument, in the scope of its call, as the callee grants credits for them. */
class ArgumentPump {
  readonly source: StreamSource
  /** Resolves when the source has ended, or was left and has cleaned up. */
  readonly left: Promise<void>
  /** What the source raised, or what kept its stream from being opened. */
  failure: { readonly error: unknown } | undefined
  /** What the source raised when it was left. */
  cleanUpFailure: { readonly error: unknown } | undefined
  readonly #how: CallStart
  readonly #scope: CancelScope
  readonly #left = Promise.withResolvers<void>()
  #channel: Channel | undefined
  #leaving = false
  #closed = false

  /** @param onCut its stream could not be opened: the call cannot go on */
  constructor(source: StreamSource, id: number, how: CallStart, onCut: () => void) {
    this.source = source
    this.left = this.#left.promise
    this.#how = how
    this.#scope = new CancelScope(how.scope)
    this.#scope.onCancel(() => void this.#leave())
    void this.#run(id, onCut)
  }

  stop(reason: Cancelled): void {
    this.#scope.cancel(reason)
  }

  /** Ends its stream; not before the call has ended, so that the callee hears of a cancel from the lane. */
  close(): void {
    this.#closed = true
    this.#scope.close()
    this.#channel?.close()
  }

  async #run(id: number, onCut: () => void): Promise<void> {
    let stacks = (): boolean => false
    try {
      const { wire, peer } = await this.#how.openPart()
      if (this.#closed) {
        wire.close()
        return
      }
      stacks = () => peer.peerSeesStacks
      this.#channel = new Channel(wire, {
        onClose: () => this.#scope.cancel(new Cancelled('the callee', 'it left the stream')),
      })
      this.#channel.hello(id, PART_FIRST_ARGUMENT + this.source.index)
    } catch (error) {
      if (this.#scope.cancelled) return
      this.failure = { error }
      onCut()
      return
    }
    // Context follows who calls next(): everything from here on runs in the scope of the call.
    await this.#scope.run(async () => await this.#pump(this.#channel!, stacks))
  }

  async #pump(channel: Channel, stacks: () => boolean): Promise<void> {
    let sending = false
    try {
      while (!this.#scope.cancelled) {
        sending = false
        const { done, value } = await this.source.next()
        if (done) {
          channel.end()
          this.#left.resolve()
          return
        }
        sending = true
        const waiting = channel.send(value)
        if (waiting !== undefined) await waiting
      }
    } catch (error) {
      if (this.#scope.cancelled) {
        if (!sending) this.#noteCleanUp(error)
        return
      }
      this.failure = { error }
      channel.break(encodeFailure(error, this.#how.self, stacks()))
      void this.#leave()
    }
  }

  async #leave(): Promise<void> {
    if (this.#leaving) return
    this.#leaving = true
    try {
      await this.#scope.run(async () => await this.source.leave())
    } catch (error) {
      this.#noteCleanUp(error)
    } finally {
      this.#left.resolve()
    }
  }

  #noteCleanUp(error: unknown): void {
    if (!isEcho(error, this.#scope.reason)) this.cleanUpFailure ??= { error }
  }
}

async function bounded(work: readonly Promise<unknown>[]): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, SOURCE_RETURN_MS)
  try {
    await Promise.race([Promise.all(work), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
