import { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, Cancelled, RemoteActorError } from '../node/errors.ts'
import type { Channel } from './channel.ts'
import { type ReadyRequest, receiveArguments } from './large-values.ts'
import { type CallRequest, PART_FIRST_ARGUMENT } from './protocol.ts'
import type { StreamArrivals } from './stream-arrivals.ts'

/** A function raised what one of its arguments had raised: the caller has the original. */
export class SourceRaised extends Error {
  readonly #index: number

  constructor(index: number, cause: unknown) {
    super(`argument ${index} raised`, { cause })
    this.#index = index
  }

  get index(): number {
    return this.#index
  }

  /** `instanceof` for whatever a function may throw: it runs no code of that. */
  static is(thrown: unknown): thrown is SourceRaised {
    return typeof thrown === 'object' && thrown !== null && #index in thrown
  }
}

/**
 * Performs a call with what its arguments stream: each one is an async iterable, or a `ReadableStream` when the caller
 * gave one. Whatever of them is unread when the call ends is left.
 *
 * @throws SourceRaised when the call raised the failure of one of its arguments
 */
export async function withArguments(
  request: CallRequest,
  arrivals: StreamArrivals,
  peer: string,
  scope: CancelScope,
  perform: (request: ReadyRequest) => Promise<unknown>,
): Promise<unknown> {
  if (request.streams.length === 0) return await perform(await receiveArguments(request, arrivals, peer, scope))
  let args: unknown[] = []
  const streams = request.streams.map(([index, shape]) => {
    const stream = new ArgumentStream(request.id, index, arrivals, peer, scope)
    return { index, shape, stream }
  })
  try {
    const ready = await receiveArguments(request, arrivals, peer, scope)
    args = [...ready.args]
    for (const { index, shape, stream } of streams)
      args[index] = shape === 'readable' ? ReadableStream.from(stream) : stream
    return await perform({ ...ready, args })
  } catch (error) {
    const raised = streams.find(({ stream }) => stream.failure !== undefined && stream.failure === error)
    throw raised === undefined ? error : new SourceRaised(raised.index, error)
  } finally {
    for (const { stream } of streams) stream.close()
  }
}

/** An argument that streams, on the callee's side: leaving it ends its source in the caller. */
class ArgumentStream implements AsyncIterableIterator<unknown, undefined> {
  readonly index: number
  /** What the source raised, once it was read. */
  failure: RemoteActorError | undefined
  readonly #peer: string
  readonly #scope: CancelScope
  readonly #arriving: CancelScope
  readonly #arrival: Promise<Channel>
  #channel: Channel | undefined
  #left = false
  #over: Cancelled | undefined

  constructor(id: number, index: number, arrivals: StreamArrivals, peer: string, scope: CancelScope) {
    this.index = index
    this.#peer = peer
    this.#scope = scope
    this.#arriving = new CancelScope(scope)
    this.#arrival = arrivals.expect(peer, id, PART_FIRST_ARGUMENT + index, this.#arriving)
    this.#arrival.then(
      (channel) => {
        this.#channel = channel
        // Items go one way; with both ends said, the libp2p stream closes after the last one.
        channel.end()
        if (this.#left) channel.close()
      },
      () => {},
    )
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    const item = this.#left || this.#scope.cancelled ? undefined : this.#channel?.takeQueued()
    return item === undefined ? this.#nextLater() : Promise.resolve(item)
  }

  async #nextLater(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#over !== undefined) throw this.#over
    if (this.#left) return { done: true, value: undefined }
    this.#scope.throwIfCancelled()
    try {
      const channel = this.#channel ?? (await this.#arrival)
      return await channel.next()
    } catch (error) {
      if (this.#over !== undefined) throw this.#over
      if (this.#left) return { done: true, value: undefined }
      if (error instanceof Cancelled) throw error
      if (error instanceof RemoteActorError) {
        this.failure = error
        throw error
      }
      // The lane of a caller that died, or cancelled the call, says so as well.
      this.#scope.throwIfCancelled()
      const caller = { name: 'the caller', id: this.#peer }
      throw new ActorDied(caller, `args[${this.index}] was cut before its end`, { cause: error })
    }
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.#leave()
    return Promise.resolve({ done: true, value: undefined })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The call has ended: who still reads is told so. */
  close(): void {
    this.#over = new Cancelled('the callee', `the call that args[${this.index}] belonged to has ended`)
    this.#leave()
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.#arriving.cancel('the call needs it no longer')
    this.#arriving.close()
    this.#channel?.close()
  }
}
