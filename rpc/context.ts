import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import { atCallSite } from './call-site.ts'
import type { Channel } from './channel.ts'

/** Both directions of a context: what one side sends, the other one iterates. */
export interface ContextStream<Send, Receive> extends AsyncIterable<Receive, undefined> {
  /**
   * Sends a value; resolves when there is room for the next one. Several tasks may send at a time, each one's values
   * arrive in its order.
   *
   * @throws InvalidArgument after `end()`, or when the value cannot travel
   */
  send(value: Send): Promise<void>
  /** Says that this side sends no more. */
  end(): void
}

/**
 * What a function that talks in both directions takes as its first parameter.
 *
 * The idea is that of nng's contexts and of Trio's `task_status.started`: one call, many messages, any number of tasks.
 *
 * @example
 * ```ts
 * export async function ticker(ctx: Context<number, never, string>, count: number): Promise<void> {
 *   ctx.started('ticking')
 *   const stream = ctx.stream()
 *   for (let i = 0; i < count; i++) await stream.send(i)
 * }
 * ```
 */
export interface Context<Send = unknown, Receive = unknown, Started = unknown> {
  /** Lets the caller's `openContext` go on; once. */
  started(value?: Started): void
  /** The stream to the caller; implies `started()`. */
  stream(): ContextStream<Send, Receive>
}

/** The callee's end of a context over a channel. */
export function calleeContext(channel: Channel): Context {
  let begun = false
  const begin = (value: unknown): void => {
    begun = true
    channel.started(value)
  }
  return {
    started: (value) => {
      if (begun) throw new InvalidArgument('the context has started already: call started() once, before stream()')
      begin(value)
    },
    stream: () => {
      if (!begun) begin(undefined)
      return channelStream(channel)
    },
  }
}

/**
 * A channel as a context stream.
 *
 * @param explain finds a better error than the one that the channel broke with, when there is one
 */
export function channelStream<Send, Receive>(
  channel: Channel,
  explain: (error: unknown) => Promise<unknown> = async (error) => await Promise.resolve(error),
): ContextStream<Send, Receive> {
  const take = async (): Promise<IteratorResult<unknown, undefined>> => {
    try {
      return await channel.next()
    } catch (error) {
      throw atCallSite(await explain(error))
    }
  }
  return {
    send: async (value) => {
      try {
        await channel.send(value)
      } catch (error) {
        throw atCallSite(await explain(error))
      }
    },
    end: () => channel.end(),
    async *[Symbol.asyncIterator](): AsyncGenerator<Receive, undefined> {
      for (;;) {
        const result = await take()
        if (result.done) return
        yield result.value as Receive
      }
    },
  }
}

/** A context's function returned before it called `started()`. */
export function endedBeforeStart(functionId: string): GreenroomError {
  return new GreenroomError('NOT_STARTED', `${functionId} ended before it called started()`)
}
