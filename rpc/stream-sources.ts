import { Readable } from 'node:stream'
import { types } from 'node:util'
import { InvalidArgument, LimitExceeded } from '../node/errors.ts'
import { MAX_STREAM_ARGUMENTS, type StreamArgument } from './protocol.ts'

/** An argument that streams, on the caller's side. */
export interface StreamSource {
  readonly index: number
  readonly shape: StreamArgument[1]
  next(): Promise<IteratorResult<unknown, unknown>>
  /** Ends it early; also when a `next()` is under way. Resolves when its clean-up has run. */
  leave(): Promise<unknown>
}

/** Whether an argument streams to the callee: any async iterable, and any `ReadableStream`. */
export function isStream(argument: unknown): argument is AsyncIterable<unknown> {
  return (
    typeof argument === 'object' && argument !== null && !types.isProxy(argument) && Symbol.asyncIterator in argument
  )
}

/**
 * Takes the arguments that stream out of a call's arguments: from now on they are left whatever happens.
 *
 * @throws LimitExceeded when there are more than {@link MAX_STREAM_ARGUMENTS}
 * @throws InvalidArgument when somebody else reads from one of them
 */
export function takeSources(args: readonly unknown[]): { values: unknown[]; sources: StreamSource[] } {
  const streams = args.filter(isStream).length
  if (streams > MAX_STREAM_ARGUMENTS)
    throw new LimitExceeded(
      'MAX_STREAM_ARGUMENTS',
      `${streams} arguments are streams, at most ${MAX_STREAM_ARGUMENTS} can be: merge some of them`,
    )
  const locked = args.findIndex((arg) => arg instanceof ReadableStream && arg.locked)
  if (locked >= 0) throw new InvalidArgument(`args[${locked}] is a ReadableStream that is locked to another reader`)
  const values: unknown[] = []
  const sources: StreamSource[] = []
  for (const [index, arg] of args.entries()) {
    values.push(isStream(arg) ? null : arg)
    if (isStream(arg)) sources.push(sourceOf(arg, index))
  }
  return { values, sources }
}

function sourceOf(stream: AsyncIterable<unknown>, index: number): StreamSource {
  if (stream instanceof ReadableStream) return readableSource(stream as ReadableStream<unknown>, index)
  const iterator = stream[Symbol.asyncIterator]()
  return {
    index,
    shape: 'iterable',
    next: async () => await iterator.next(),
    leave: async () => {
      // The iterator of a Readable waits for a pending read before it returns, and that read may never end.
      if (stream instanceof Readable) stream.destroy()
      await iterator.return?.()
    },
  }
}

/** By a reader of its own: the stream's iterator cannot be returned while it waits for the next chunk. */
function readableSource(stream: ReadableStream<unknown>, index: number): StreamSource {
  const reader = stream.getReader()
  return {
    index,
    shape: 'readable',
    next: async () => await reader.read(),
    leave: async () => await reader.cancel(),
  }
}
