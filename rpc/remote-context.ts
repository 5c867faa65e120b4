import { ActorDied, Cancelled, ProtocolError } from '../node/errors.ts'
import type { RunningCall } from './argument-pumps.ts'
import { atCallSite } from './call-site.ts'
import type { Caller, Target } from './caller.ts'
import { channelStream, type ContextStream, endedBeforeStart } from './context.ts'
import { awaitOutcome } from './pending-call.ts'
import { openCall, type OpenedCall } from './open-call.ts'
import type { ExplainingScope } from './remote-stream.ts'

/**
 * The caller's end of a context. Disposing it cancels the remote function and waits for its end, within a bound; what the
 * function raised, and neither `result()` nor the stream has told, is raised then.
 */
export interface RemoteContext<
  Send = unknown,
  Receive = unknown,
  Started = unknown,
  Result = unknown,
> extends AsyncDisposable {
  /** What the function passed to `started()`. */
  readonly started: Started
  stream(): ContextStream<Send, Receive>
  /** The function's value or error, the same each time. */
  result(): Promise<Result>
}

/** A context, and the call that it is. */
export interface OpenedContext {
  readonly context: RemoteContext
  /** Resolves when the function has ended. */
  readonly ended: Promise<void>
  readonly opened: OpenedCall
}

/** Starts a context function and waits until it says `started()`. */
export async function openRemoteContext(
  caller: Caller,
  target: Target,
  functionId: string,
  args: readonly unknown[],
  scope: ExplainingScope,
): Promise<OpenedContext> {
  const started = Promise.withResolvers<unknown>()
  // Whoever waits for it comes later, or never when the call does not even start.
  started.promise.catch(() => {})
  const over = Promise.withResolvers<void>()
  const cut = new Cancelled('the caller', 'the context was cut')
  let running: RunningCall | undefined
  let cause: Error | undefined
  const { call, channel } = await openCall(caller, target, functionId, args, 'context', scope, {
    onStarted: (value) => started.resolve(value),
    onEnd: over.resolve,
    onClose: (error) => {
      cause = error
      if (error !== undefined) running?.cancel(cut, true)
      over.resolve()
    },
  })
  running = call
  if (cause !== undefined) call.cancel(cut, true)
  const result = awaitOutcome(call, scope).catch((error: unknown) => {
    throw error === cut ? new ActorDied(target, 'its context was cut', { cause, lost: true }) : scope.explain(error)
  })
  result.then(
    async () => {
      // Nobody reads on the other side any more; what it sent can still be read here.
      channel.end()
      // Outcome and `started()` travel on streams of their own: only this one's end tells that the latter never came.
      await over.promise
      started.reject(endedBeforeStart(functionId))
    },
    async (error: Error) => {
      // What the function raised waits for what it sent before; nothing more follows from one that was given up.
      if (!scope.cancelled && !(error instanceof ActorDied || error instanceof Cancelled)) await over.promise
      started.reject(error)
      channel.abort(error)
    },
  )
  let told: unknown
  const tell = async (): Promise<unknown> => {
    try {
      return await result
    } catch (error) {
      told = error
      throw error
    }
  }
  /** The outcome of the call, when there is one, explains a broken stream better than the stream can. */
  const explain = async (error: unknown): Promise<unknown> => {
    if (error instanceof ProtocolError) await tell()
    told = error
    return error
  }
  const value = await started.promise
  const context: RemoteContext = {
    started: value,
    stream: () => channelStream(channel, explain),
    result: async () => {
      try {
        return await tell()
      } catch (error) {
        throw atCallSite(error)
      }
    },
    async [Symbol.asyncDispose]() {
      const left = new Cancelled('the caller', 'it left the context')
      call.cancel(left)
      try {
        await result
      } catch (error) {
        // A scope that is cancelled tells itself.
        if (error !== left && error !== told && !scope.cancelled) throw atCallSite(error)
      } finally {
        channel.close()
      }
    },
  }
  const settled = (): void => {}
  return { context, ended: result.then(settled, settled), opened: { call, channel } }
}
