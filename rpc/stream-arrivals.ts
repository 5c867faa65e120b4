import { type CancelScope, untilCancelled } from '../node/cancel-scope.ts'
import { ProtocolError } from '../node/errors.ts'
import { assembling } from './assembly-budget.ts'
import { Channel, type ChannelEvents } from './channel.ts'
import type { Wire } from './wire.ts'

/** Milliseconds that a call waits for its stream, and a stream for its call. */
export const ARRIVAL_TIMEOUT_MS = 10_000
/** Streams of one peer that may wait for their call at a time. */
export const MAX_UNCLAIMED_STREAMS = 256

interface Unclaimed {
  readonly channel: Channel
  /** It waits no longer: its place and its timer are free. */
  readonly settle: () => void
}

/** Brings together a streaming call, which arrives on the lane, and its data stream, which may arrive before it. */
export class StreamArrivals {
  readonly #waiting = new Map<string, PromiseWithResolvers<Channel>>()
  readonly #unclaimed = new Map<string, Unclaimed>()
  /** Accepted streams by peer that no call has claimed, so that one peer cannot take the places of another. */
  readonly #unclaimedOf = new Map<string, number>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #onRefused: (peer: string) => void

  /** @param onRefused hears of every stream that came when its peer had no place left */
  constructor(onRefused: (peer: string) => void = () => {}) {
    this.#onRefused = onRefused
  }

  /** The channel of one part of a call. @throws ProtocolError when its stream does not come in time */
  async expect(peer: string, id: number, part: number, scope: CancelScope): Promise<Channel> {
    const key = `${peer}:${id}:${part}`
    const early = this.#unclaimed.get(key)
    if (early !== undefined) {
      this.#unclaimed.delete(key)
      early.settle()
      return early.channel
    }
    const arrival = Promise.withResolvers<Channel>()
    this.#waiting.set(key, arrival)
    const disarm = this.#arm(() => arrival.reject(new ProtocolError('the stream of the call did not arrive in time')))
    try {
      return await untilCancelled(scope, arrival.promise)
    } catch (error) {
      void arrival.promise.then(
        (late) => late.abort(new ProtocolError('the call was cancelled')),
        () => {},
      )
      throw error
    } finally {
      disarm()
      this.#waiting.delete(key)
    }
  }

  /** Takes a stream, whose first frame says which call it is for; one that no call claims in time is aborted. */
  accept(wire: Wire, peer: string): void {
    const others = this.#unclaimedOf.get(peer) ?? 0
    if (others >= MAX_UNCLAIMED_STREAMS) {
      wire.abort(new ProtocolError(`more than ${MAX_UNCLAIMED_STREAMS} streams of one peer wait for their call`))
      this.#onRefused(peer)
      return
    }
    this.#unclaimedOf.set(peer, others + 1)
    let key: string | undefined
    let settled = false
    const settle = (): void => {
      if (settled) return
      settled = true
      disarm()
      const left = (this.#unclaimedOf.get(peer) ?? 1) - 1
      if (left > 0) this.#unclaimedOf.set(peer, left)
      else this.#unclaimedOf.delete(peer)
    }
    const events: ChannelEvents = {
      onHello: (id, part) => {
        key = `${peer}:${id}:${part}`
        const call = this.#waiting.get(key)
        if (call !== undefined) {
          // Claimed here and now: another stream that says the same finds nobody waiting.
          this.#waiting.delete(key)
          settle()
          call.resolve(channel)
        } else if (this.#unclaimed.has(key)) throw new ProtocolError(`two streams came for part ${part} of call ${id}`)
        else this.#unclaimed.set(key, { channel, settle })
      },
      onClose: () => {
        settle()
        if (key !== undefined && this.#unclaimed.get(key)?.channel === channel) this.#unclaimed.delete(key)
      },
    }
    const channel = new Channel(wire, events, assembling.of(peer))
    const disarm = this.#arm(() => channel.abort(new ProtocolError('no call claimed the stream in time')))
  }

  close(): void {
    for (const { channel } of this.#unclaimed.values()) channel.abort(new ProtocolError('the actor is ending'))
    for (const call of this.#waiting.values()) call.reject(new ProtocolError('the actor is ending'))
    for (const timer of this.#timers) clearTimeout(timer)
  }

  #arm(onTimeout: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      onTimeout()
    }, ARRIVAL_TIMEOUT_MS)
    this.#timers.add(timer)
    return () => {
      clearTimeout(timer)
      this.#timers.delete(timer)
    }
  }
}
