import { now } from '../node/clock.ts'
import type { FrameStream } from './frame-stream.ts'
import { sendCall } from './lane-frames.ts'
import { encodeArguments, isTooLargeForLane } from './large-values.ts'
import type { PendingCall } from './pending-call.ts'
import { CALL, MAX_PIECE_BYTES } from './protocol.ts'
import { isPlain, MAX_VALUE_DEPTH, transferable } from './transferable.ts'
import type { ValueGraph } from './value-graph.ts'

/** What to encode for arguments. @throws InvalidArgument when one cannot travel, with the path to the culprit */
export function transferableArguments(args: readonly unknown[]): readonly unknown[] | ValueGraph {
  for (let i = 0; i < args.length; i++)
    // The list of arguments is a level of its own.
    if (!isPlain(args[i])) return transferable(args, 'args', MAX_VALUE_DEPTH + 1) as readonly unknown[] | ValueGraph
  return args
}

/**
 * Queues the request of a call; gives its arguments when they are too large for the lane, which carries the rest then.
 *
 * @throws LimitExceeded when they are larger than a value may be; nothing was sent
 */
export function sendRequest(frames: FrameStream, id: number, call: PendingCall): Uint8Array | undefined {
  const { functionId, args, kind, streams, trace } = call
  const timeoutMs = remaining(call.deadline)
  try {
    sendCall(frames, id, functionId, args, timeoutMs, kind!, streams, MAX_PIECE_BYTES, trace)
    return undefined
  } catch (error) {
    if (!isTooLargeForLane(error)) throw error
  }
  const large = encodeArguments(args, functionId)
  const rest = trace === undefined ? [] : [trace]
  frames.send([CALL, id, functionId, null, timeoutMs, kind, streams ?? [], ...rest])
  return large
}

/** What is left of a deadline in whole milliseconds, at least 1; 0 when there is none. */
function remaining(deadline: number): number {
  return deadline === Number.POSITIVE_INFINITY ? 0 : Math.max(1, Math.ceil(deadline - now()))
}
