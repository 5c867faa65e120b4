import { currentScope } from '../node/cancel-scope.ts'
import { InvalidArgument } from '../node/errors.ts'
import { MAX_WAITERS } from './turn-line.ts'

/** What a subscriber asks of the fan-out that it belongs to. */
export interface Feed<T> {
  /** The next item or the end; nothing when that is not known yet. @throws Lagged, or how the source ended */
  take(): IteratorResult<T, undefined> | undefined
  /** It waits for what is not known yet. */
  wait(): void
  unwait(): void
  leave(): Promise<void>
}

/** One consumer of a fan-out; an iterator and no generator, because it goes on after an error. */
export class Subscriber<T> implements AsyncIterableIterator<T, undefined>, AsyncDisposable {
  readonly #feed: Feed<T>
  readonly #reads: PromiseWithResolvers<IteratorResult<T, undefined>>[] = []
  /** The number of its next item. */
  at: number
  /** Whether the source waits for it. */
  readonly holdsUp: boolean
  #left = false

  constructor(feed: Feed<T>, at: number, holdsUp: boolean) {
    this.#feed = feed
    this.at = at
    this.holdsUp = holdsUp
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const scope = currentScope()
    scope.throwIfCancelled()
    if (this.#left) return { done: true, value: undefined }
    if (this.#reads.length === 0) {
      const result = this.#feed.take()
      if (result !== undefined) return result
    }
    if (this.#reads.length >= MAX_WAITERS)
      throw new InvalidArgument(`more than ${MAX_WAITERS} reads wait on one subscription`)
    const read = Promise.withResolvers<IteratorResult<T, undefined>>()
    this.#reads.push(read)
    this.#feed.wait()
    const unlink = scope.onCancel((reason) => {
      const place = this.#reads.indexOf(read)
      if (place !== -1) this.#reads.splice(place, 1)
      if (this.#reads.length === 0) this.#feed.unwait()
      read.reject(reason)
    })
    try {
      return await read.promise
    } finally {
      unlink()
    }
  }

  /** Something is known: as many reads as that allows have their answer. */
  wake(): void {
    while (this.#reads.length > 0) {
      try {
        const result = this.#feed.take()
        if (result === undefined) return
        this.#reads.shift()?.resolve(result)
      } catch (error) {
        this.#reads.shift()?.reject(error)
      }
    }
    this.#feed.unwait()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#left = true
    this.#feed.unwait()
    for (const read of this.#reads.splice(0)) read.resolve({ done: true, value: undefined })
    await this.#feed.leave()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
