import type { CancelScope } from '../node/cancel-scope.ts'
import type { TraceSpan } from '../node/tracing.ts'
import { setStreamed } from './call-span.ts'
import type { Channel } from './channel.ts'
import { calleeContext } from './context.ts'
import type { ExposedFunction } from './exposed.ts'
import type { ReadyRequest } from './large-values.ts'
import { type CallRequest, PART_DATA } from './protocol.ts'
import type { StreamArrivals } from './stream-arrivals.ts'

/**
 * Runs a call whose data has a stream of its own.
 *
 * @param admit gives the function. @throws NotExposed, InvalidArgument when it cannot be called so
 */
export async function performStreaming(
  request: ReadyRequest,
  admit: (request: CallRequest) => ExposedFunction,
  arrivals: StreamArrivals,
  peer: string,
  scope: CancelScope & { readonly span?: TraceSpan | undefined },
): Promise<unknown> {
  // Taken before anything can fail: from its end the caller learns that no item follows, and looks at the outcome.
  const channel = await arrivals.expect(peer, request.id, PART_DATA, scope)
  channel.belongsTo({ functionId: request.functionId, peer, role: 'callee' })
  try {
    const exposed = admit(request)
    const value =
      request.kind === 'stream'
        ? await produce(exposed, request.args, channel, scope)
        : await scope.run(async () => await exposed.call(calleeContext(channel), ...request.args))
    channel.end()
    return value
  } catch (error) {
    // The consumer of a stream looks at the outcome after the end; readers of a context do not, so its end tells
    // them.
    channel.end(request.kind === 'context')
    throw error
  } finally {
    if (scope.span !== undefined) setStreamed(scope.span, channel)
  }
}

/**
 * Sends what a generator yields. All of it runs in the call's scope: context follows who calls `next()`, and entering
 * it once costs less than for each item.
 */
async function produce(
  exposed: ExposedFunction,
  args: readonly unknown[],
  channel: Channel,
  scope: CancelScope,
): Promise<void> {
  await scope.run(async () => {
    const iterator = (exposed.call(...args) as AsyncIterable<unknown>)[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value } = await iterator.next()
        if (done) return
        scope.throwIfCancelled()
        const waiting = channel.send(value)
        if (waiting !== undefined) await waiting
      }
    } finally {
      await iterator.return?.()
    }
  })
}
