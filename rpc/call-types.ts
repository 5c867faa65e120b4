import type { Context } from './context.ts'
import type { AnyFunction } from './exposed.ts'
import type { RemoteStream } from './remote-stream.ts'

/** What `portal.run(fn)` gives: a stream for an `async function*`, else a promise of the value. */
export type RunResult<F extends AnyFunction> = [ReturnType<F>] extends [never]
  ? Promise<never>
  : ReturnType<F> extends AsyncIterable<infer T>
    ? RemoteStream<T>
    : Promise<Awaited<ReturnType<F>>>

/** What `portal.invoke()` gives: the value of a function, or the items of an `async function*`. */
export type Invoked =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'stream'; readonly items: RemoteStream<unknown> }

/** A function whose first parameter is a {@link Context}. */
export type ContextFunction<Send, Receive, Started, Args extends unknown[], Result> = (
  ctx: Context<Send, Receive, Started>,
  ...args: Args
) => Promise<Result> | Result
