import { type CancelScope, outsideScopes } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, Cancelled } from '../node/errors.ts'
import type { RunningCall } from './argument-pumps.ts'
import { atCallSite } from './call-site.ts'
import { type FanOut, fanOut, type SubscribeOptions, type Subscription } from './fan-out.ts'
import type { Channel } from './channel.ts'
import type { OpenedCall } from './open-call.ts'

/**
 * The scope of a call; a signal or time limit that ended it speaks for itself in place of the cancel that it caused.
 */
export interface ExplainingScope extends CancelScope {
  explain(error: unknown): unknown
}

/**
 * The values of an `async function*` that runs in another actor.
 *
 * Leaving the loop early (`break`, `return()`, disposal) cancels the remote generator and waits for its `finally`
 * blocks, within a bound. The producer runs ahead of the consumer by one window at most.
 */
export class RemoteStream<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #opened: Promise<OpenedCall>
  readonly #producer: ActorRef
  readonly #explain: (error: unknown) => unknown
  #channel: Channel | undefined
  #stopping: Promise<void> | undefined
  #cancelled: Cancelled | undefined
  /** What the producer was cancelled with because its consumer left early: nobody's failure. */
  #left: Cancelled | undefined
  /** The same when that was said by `return()`. */
  #returned: Cancelled | undefined
  #ended = false
  #shared: FanOut<T> | undefined

  /**
   * @param scope what it is cancelled by, and what knows how to tell the consumer about that
   * @param onEnd called once, when nothing of the stream is left
   */
  constructor(opened: Promise<OpenedCall>, producer: ActorRef, scope: ExplainingScope, onEnd: () => void) {
    this.#opened = opened
    this.#producer = producer
    this.#explain = (error) => scope.explain(error)
    const unlink = scope.onCancel((reason) => {
      this.#cancelled = reason
      this.cancel(reason).catch(() => {})
    })
    void opened
      .then(({ call }) => call.outcome)
      .catch(() => {})
      .then(() => {
        unlink()
        onEnd()
      })
  }

  next(): Promise<IteratorResult<T, undefined>> {
    // What is there already needs no further promises: a consumer that keeps up takes nearly all items here.
    const item = this.#ended || this.#cancelled !== undefined ? undefined : this.#channel?.takeQueued()
    return item === undefined ? this.#nextLater() : Promise.resolve(item as IteratorResult<T, undefined>)
  }

  async #nextLater(): Promise<IteratorResult<T, undefined>> {
    try {
      return await this.#next()
    } catch (error) {
      throw atCallSite(this.#explain(error))
    }
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#cancelled !== undefined) return await this.#throwAfterStop(this.#cancelled)
    if (this.#ended) return { done: true, value: undefined }
    const { call, channel } = await this.#opened
    this.#channel = channel
    let result: IteratorResult<unknown, undefined>
    try {
      const taken = channel.next()
      result = taken instanceof Promise ? await taken : taken
    } catch (error) {
      if (this.#cancelled !== undefined) return await this.#throwAfterStop(this.#cancelled)
      // Another reader has ended it: as with a local generator, there is no more.
      if (this.#returned !== undefined && error === this.#returned) return { done: true, value: undefined }
      if (error instanceof Cancelled) return await this.#leave(error)
      return await this.#throwCut(call, error)
    }
    if (!result.done) return result as IteratorResult<T, undefined>
    this.#ended = true
    await call.outcome
    return result
  }

  /** Whoever reads it is cancelled while the stream is not: it is left, as an error raised inside a local generator ends it. */
  async #leave(reason: Cancelled): Promise<never> {
    this.#left ??= reason
    return await this.#throwAfterStop(reason)
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#ended) {
      this.#returned = this.#left ??= new Cancelled('the consumer', 'it left the stream')
      await this.cancel(this.#left)
    }
    return { done: true, value: undefined }
  }

  /**
   * One of several consumers, each of which gets every item from here on; a {@link fanOut} with its default buffer. The
   * producer is cancelled when the last one leaves.
   *
   * @throws InvalidArgument when the last one has left
   * @example
   * ```ts
   * const stream = portal.run(count, 10)
   * const [sum, list] = [stream.subscribe(), stream.subscribe()]
   * ```
   */
  subscribe(options?: SubscribeOptions): Subscription<T> {
    // It ends with the stream, not with the scope of whoever is the first to subscribe.
    this.#shared ??= outsideScopes(() => fanOut(this))
    return this.#shared.subscribe(options)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  /** Settles when the remote generator has ended and so have its `finally` blocks. @throws what it raised */
  async finished(): Promise<void> {
    try {
      const { call } = await this.#opened
      await call.outcome
    } catch (error) {
      if (error !== this.#left) throw atCallSite(this.#explain(error))
    }
  }

  /** Cancels the producer and waits until it has stopped, within a bound. @throws Error what its clean-up raised */
  async cancel(reason: Cancelled): Promise<void> {
    this.#ended = true
    this.#stopping ??= this.#stop(reason)
    await this.#stopping
  }

  async #stop(reason: Cancelled): Promise<void> {
    const opened = await this.#opened.catch(() => undefined)
    if (opened === undefined) return
    opened.call.cancel(reason)
    try {
      await opened.call.outcome
    } catch (error) {
      if (error !== reason && !(error instanceof ActorDied)) throw error
    } finally {
      opened.channel.abort(reason)
    }
  }

  async #throwAfterStop(reason: Cancelled): Promise<never> {
    await this.cancel(reason)
    throw reason
  }

  /** The outcome of the call, when there is one, explains a broken stream better than the stream can. */
  async #throwCut(call: RunningCall, cause: unknown): Promise<never> {
    this.#ended = true
    const cut = new Cancelled('the consumer', 'the stream was cut')
    call.cancel(cut, true)
    try {
      await call.outcome
    } catch (error) {
      if (error !== cut) throw error
    }
    throw new ActorDied(this.#producer, 'its stream was cut before the end', { cause, lost: true })
  }
}
