import type { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, Cancelled } from '../node/errors.ts'
import type { Caller, Target } from './caller.ts'
import { channelStream, type ContextStream, endedBeforeStart } from './context.ts'
import { awaitOutcome } from './lane.ts'

/** The caller's end of a context. Disposing it cancels the remote function and waits for its end, within a bound. */
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

/** Starts a context function and waits until it says `started()`. */
export async function openRemoteContext(
  caller: Caller,
  target: Target,
  functionId: string,
  args: readonly unknown[],
  scope: CancelScope,
): Promise<RemoteContext> {
  const started = Promise.withResolvers<unknown>()
  const opened = await caller.open(target, functionId, args, 'context', scope, {
    onStarted: (value) => started.resolve(value),
    onClose: (error) =>
      started.reject(new ActorDied(target, 'its context was cut before it started', { cause: error })),
  })
  started.promise.catch(() => {})
  const { call, channel } = opened
  const result = awaitOutcome(call, scope)
  result.then(
    () => started.reject(endedBeforeStart(functionId)),
    (error: Error) => {
      started.reject(error)
      channel.abort(error)
    },
  )
  const value = await started.promise
  return {
    started: value,
    stream: () => channelStream(channel),
    result: () => result,
    async [Symbol.asyncDispose]() {
      call.cancel(new Cancelled('the caller', 'it left the context'))
      await result.catch(() => {})
      channel.close()
    },
  }
}
