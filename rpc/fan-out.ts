import { inspect } from 'node:util'
import { CancelScope, currentScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import { Cancelled, InvalidArgument, Lagged, LimitExceeded } from '../node/errors.ts'
import { Subscriber } from './subscriber.ts'

/** Items that a fan-out keeps for those who are behind, unless it is told otherwise. */
export const FAN_OUT_BUFFER = 1_024
/** The most items that a fan-out can be told to keep. */
export const MAX_FAN_OUT_BUFFER = 65_536
/** Subscriptions of one fan-out at a time. */
export const MAX_SUBSCRIBERS = 10_000

export interface FanOutOptions {
  /** Items that are kept for those who are behind, 1 to 65,536; default 1,024. */
  readonly buffer?: number
}

export interface SubscribeOptions {
  /**
   * What happens to a subscription that is `buffer` items behind: it is told that it has `Lagged` and goes on with the
   * oldest item that is still there (`raise`, the default), or all others and the source wait for it (`wait`).
   */
  readonly onLag?: 'raise' | 'wait'
}

/**
 * One consumer's view of a shared stream: every item from its beginning on.
 *
 * It ends like the source, in each of the four ways. Leaving it (`break`, `return()`, disposal) disturbs no other one.
 */
export interface Subscription<T> extends AsyncIterableIterator<T, undefined>, AsyncDisposable {
  /**
   * The next item. A cancel point; a cancel loses no item.
   *
   * @throws Lagged where items were lost; the next call goes on with the oldest item that is still there
   */
  next(): Promise<IteratorResult<T, undefined>>
  /** @throws Error when it was the last subscription, what the source's clean-up raised */
  return(): Promise<IteratorResult<T, undefined>>
  [Symbol.asyncIterator](): Subscription<T>
}

/** A stream that several consumers share; disposing it cancels the source and all subscriptions. */
export interface FanOut<T> extends AsyncDisposable {
  /** How many consumers there are. */
  readonly subscribers: number
  /**
   * Another consumer, from the next item on.
   *
   * @throws LimitExceeded above 10,000 subscriptions
   * @throws InvalidArgument when the last one has left or the fan-out was disposed: its source is cancelled then
   */
  subscribe(options?: SubscribeOptions): Subscription<T>
}

/**
 * Shares a stream, or any async iterable, among local consumers: each of them gets every item.
 *
 * The source is read at the pace of the fastest consumer, only while one waits. One that falls more than `buffer` items
 * behind is told how many it has lost, by a `Lagged` error in their place: items are never skipped in silence. With
 * `onLag: 'wait'` nothing is lost, and the slowest such consumer slows the source down. The source is cancelled when
 * the last consumer leaves.
 *
 * The idea is that of tokio's broadcast channel, and of tractor's `MsgStream.subscribe()`.
 *
 * @throws InvalidArgument when the source is not async iterable or `buffer` is out of its bounds
 * @example
 * ```ts
 * await using prices = fanOut(portal.run(ticks), { buffer: 64 })
 * const average = mean(prices.subscribe())
 * for await (const price of prices.subscribe({ onLag: 'wait' })) console.log(price)
 * console.log(await average)
 * ```
 */
export function fanOut<T>(source: AsyncIterable<T>, options: FanOutOptions = {}): FanOut<T> {
  const { buffer = FAN_OUT_BUFFER } = options
  if (typeof (source as Partial<AsyncIterable<T>> | undefined)?.[Symbol.asyncIterator] !== 'function')
    throw new InvalidArgument(`fanOut takes an async iterable, got ${inspect(source, { depth: 0 })}`)
  if (!Number.isInteger(buffer) || buffer < 1 || buffer > MAX_FAN_OUT_BUFFER)
    throw new InvalidArgument(`buffer is a whole number from 1 to ${MAX_FAN_OUT_BUFFER}, got ${inspect(buffer)}`)
  return new SharedSource(source, buffer)
}

interface Slot<T> {
  value: T | undefined
  /** How many subscribers have not taken it; nobody needs it at 0. */
  left: number
}

class SharedSource<T> implements FanOut<T> {
  readonly #source: AsyncIterable<T>
  readonly #buffer: number
  readonly #ring: Slot<T>[] = []
  readonly #subscribers = new Set<Subscriber<T>>()
  /** Those of them that wait for an item that was not read yet. */
  readonly #waiting = new Set<Subscriber<T>>()
  /** The source is read in a scope of its own: the cancel of one consumer is not that of the others. */
  readonly #scope: CancelScope
  readonly #unlink: () => void
  #iterator: AsyncIterator<T, unknown, undefined> | undefined
  /** How many items were read. */
  #head = 0
  #reading: Promise<void> | undefined
  #ending: { readonly error?: unknown } | undefined
  #stopping: Promise<void> | undefined
  #cleanUp: { readonly error: unknown } | undefined

  constructor(source: AsyncIterable<T>, buffer: number) {
    this.#source = source
    this.#buffer = buffer
    const scope = currentScope()
    this.#scope = new CancelScope(scope)
    this.#unlink = scope.onCancel((reason) => void this.#stop(reason).catch(() => {}))
  }

  get subscribers(): number {
    return this.#subscribers.size
  }

  subscribe({ onLag = 'raise' }: SubscribeOptions = {}): Subscription<T> {
    if (onLag !== 'raise' && onLag !== 'wait')
      throw new InvalidArgument(`onLag is 'raise' or 'wait', got ${inspect(onLag)}`)
    if (this.#stopping !== undefined)
      throw new InvalidArgument(
        'nothing can be subscribed to: the source was cancelled, as it is when the last one leaves',
      )
    if (this.#subscribers.size >= MAX_SUBSCRIBERS)
      throw new LimitExceeded('MAX_SUBSCRIBERS', `${MAX_SUBSCRIBERS} subscriptions share a stream already`)
    const subscriber: Subscriber<T> = new Subscriber(
      {
        take: () => this.#take(subscriber),
        wait: () => {
          this.#waiting.add(subscriber)
          this.#read()
        },
        unwait: () => void this.#waiting.delete(subscriber),
        leave: async () => await this.#leave(subscriber),
      },
      this.#head,
      onLag === 'wait',
    )
    this.#subscribers.add(subscriber)
    return subscriber
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop(new Cancelled('the consumer', 'the fan-out was disposed'))
  }

  /** What a subscriber gets next, if that is known. @throws Lagged, or how the source ended */
  #take(subscriber: Subscriber<T>): IteratorResult<T, undefined> | undefined {
    const lost = this.#head - subscriber.at - this.#buffer
    if (lost > 0) {
      subscriber.at += lost
      throw new Lagged(lost, this.#buffer)
    }
    if (subscriber.at < this.#head) {
      const value = this.#release(subscriber.at) as T
      subscriber.at += 1
      if (subscriber.holdsUp) this.#read()
      return { done: false, value }
    }
    if (this.#ending === undefined) return undefined
    // The end comes once, as with generators.
    if (this.#subscribers.delete(subscriber) && 'error' in this.#ending) throw this.#ending.error
    return { done: true, value: undefined }
  }

  #release(at: number): T | undefined {
    const slot = this.#ring[at % this.#buffer]!
    const { value } = slot
    if (--slot.left === 0) slot.value = undefined
    return value
  }

  /** Reads while somebody waits and nobody has to be waited for. */
  #read(): void {
    if (this.#reading !== undefined || !this.#wanted()) return
    this.#reading = this.#scope.run(async () => {
      try {
        do await this.#readOne()
        while (this.#wanted())
      } catch (error) {
        if (this.#ending === undefined) this.#end({ error })
        else if (!isEcho(error, this.#scope.reason)) this.#cleanUp = { error }
      } finally {
        this.#reading = undefined
        if (this.#stopping === undefined && this.#ending !== undefined) this.#scope.close()
      }
    })
  }

  async #readOne(): Promise<void> {
    this.#iterator ??= this.#source[Symbol.asyncIterator]()
    const { done, value } = await this.#iterator.next()
    if (this.#ending !== undefined) return
    if (done === true) {
      this.#end({})
      return
    }
    this.#ring[this.#head % this.#buffer] = { value, left: this.#subscribers.size }
    this.#head += 1
    for (const subscriber of this.#waiting) subscriber.wake()
  }

  #wanted(): boolean {
    if (this.#ending !== undefined || this.#waiting.size === 0) return false
    for (const { at, holdsUp } of this.#subscribers) if (holdsUp && this.#head - at >= this.#buffer) return false
    return true
  }

  #end(ending: { readonly error?: unknown }): void {
    this.#ending = ending
    this.#unlink()
    for (const subscriber of this.#waiting) subscriber.wake()
  }

  async #leave(subscriber: Subscriber<T>): Promise<void> {
    if (this.#subscribers.delete(subscriber)) {
      for (let at = Math.max(subscriber.at, this.#head - this.#buffer); at < this.#head; at++) this.#release(at)
      if (this.#subscribers.size === 0 && this.#ending === undefined)
        await this.#stop(new Cancelled('the consumer', 'the last one left the stream'))
      else if (subscriber.holdsUp) this.#read()
    }
  }

  async #stop(reason: Cancelled): Promise<void> {
    this.#stopping ??= this.#cancel(reason)
    await this.#stopping
  }

  /** Those who are still there get the reason. @throws Error what the source's clean-up raised */
  async #cancel(reason: Cancelled): Promise<void> {
    if (this.#ending !== undefined) return
    for (const subscriber of this.#subscribers) subscriber.at = this.#head
    this.#ring.length = 0
    this.#end({ error: reason })
    try {
      // A generator that is busy hears only of the cancel of its scope; one that is not cleans up undisturbed.
      if (this.#reading !== undefined) this.#scope.cancel(reason)
      this.#iterator ??= this.#source[Symbol.asyncIterator]()
      await this.#iterator.return?.()
      await this.#reading
    } catch (error) {
      if (!isEcho(error, reason)) throw error
    } finally {
      this.#scope.close()
    }
    if (this.#cleanUp !== undefined) throw this.#cleanUp.error
  }
}
