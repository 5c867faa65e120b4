import { CancelScope } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, Cancelled, LimitExceeded, ProtocolError } from '../node/errors.ts'
import type { RunningCall } from './argument-pumps.ts'
import { assembling } from './assembly-budget.ts'
import { Channel } from './channel.ts'
import { encodeItem } from './item-sender.ts'
import {
  type CallRequest,
  FAILURE,
  type LaneReply,
  PART_ARGUMENTS,
  PART_RESULT,
  parseReply,
  RESULT,
} from './protocol.ts'
import type { StreamArrivals } from './stream-arrivals.ts'
import type { Wire } from './wire.ts'

/** Opens a stream for one part of a call. */
export type OpenPart = (scope: CancelScope) => Promise<{ readonly wire: Wire }>

/** A request whose arguments are all there. */
export type ReadyRequest = CallRequest & { readonly args: readonly unknown[] }

/** Whether a frame was refused because it is too large for the lane; nothing of it was sent then. */
export function isTooLargeForLane(error: unknown): boolean {
  return error instanceof LimitExceeded && error.limit === 'MAX_FRAME_BYTES'
}

/** The arguments of a call as they travel beside the lane. @throws LimitExceeded above `MAX_VALUE_BYTES` */
export function encodeArguments(args: unknown, functionId: string): Uint8Array {
  return encodeItem(args, `the list of arguments of ${functionId}`)
}

/**
 * Sends what {@link encodeArguments} gave over a stream of its own, until it has arrived or the call has ended.
 *
 * @param onFailure the stream could not be opened
 */
export function sendLargeArguments(
  call: RunningCall,
  body: Uint8Array,
  openPart: OpenPart,
  onFailure: (error: unknown) => void,
): void {
  whileItRuns(call, async (scope) => {
    let channel: Channel
    try {
      channel = new Channel((await openPart(scope)).wire)
    } catch (error) {
      if (!scope.cancelled) onFailure(error)
      return
    }
    scope.onCancel(() => channel.close())
    channel.hello(call.id, PART_ARGUMENTS)
    await channel.sendEncoded(body)
    channel.end()
  })
}

/** The request with its arguments, which come on a stream of their own when they are too large for the lane. */
export async function receiveArguments(
  request: CallRequest,
  arrivals: StreamArrivals,
  peer: string,
  scope: CancelScope,
): Promise<ReadyRequest> {
  if (request.args !== null) return { ...request, args: request.args }
  const channel = await arrivals.expect(peer, request.id, PART_ARGUMENTS, scope)
  try {
    channel.end()
    const { value: args } = await scope.run(async () => await channel.next())
    if (!Array.isArray(args) || request.streams.some(([index]) => index >= args.length))
      throw new ProtocolError('what came as the arguments of a call is no list of them')
    return { ...request, args: args as unknown[] }
  } finally {
    channel.close()
  }
}

/**
 * Hands an outcome that is too large for the lane to the caller, over a stream that the caller opens for it.
 *
 * @param frame the RESULT that the lane would have carried
 * @param announce tells the caller on the lane
 * @throws LimitExceeded above `MAX_VALUE_BYTES`; nothing was announced then
 */
export async function offerLargeOutcome(
  frame: readonly unknown[],
  what: string,
  announce: () => void,
  arrival: () => Promise<Channel>,
  scope: CancelScope,
): Promise<void> {
  const body = encodeItem(frame, what)
  announce()
  const channel = await arrival()
  try {
    await scope.run(async () => await channel.sendEncoded(body))
    channel.end()
  } catch (error) {
    channel.abort(error as Error)
    throw error
  }
}

/** Fetches an outcome that was announced. @param onReply gets the RESULT or FAILURE @param onFailure it did not come */
export function fetchLargeOutcome(
  call: RunningCall,
  peer: ActorRef,
  openPart: OpenPart,
  onReply: (reply: LaneReply) => void,
  onFailure: (error: unknown) => void,
): void {
  whileItRuns(call, async (scope) => {
    try {
      const channel = new Channel((await openPart(scope)).wire, {}, assembling.of(peer.id))
      scope.onCancel(() => channel.close())
      channel.hello(call.id, PART_RESULT)
      channel.end()
      const { done, value } = await channel.next()
      if (done) throw new ProtocolError('a large outcome was announced and did not come')
      const reply = parseReply(value)
      if (reply.id !== call.id) throw new ProtocolError('a large outcome is of another call')
      if (reply.type !== RESULT && reply.type !== FAILURE) throw new ProtocolError('a large outcome is none')
      onReply(reply)
    } catch (cause) {
      if (scope.cancelled) return
      const isCut = cause instanceof ProtocolError
      onFailure(isCut ? new ActorDied(peer, 'its outcome, too large for the lane, was cut', { cause }) : cause)
    }
  })
}

/** Runs something in a scope that ends with the call. */
function whileItRuns(call: RunningCall, body: (scope: CancelScope) => Promise<void>): void {
  const scope = new CancelScope()
  const over = (): void => scope.cancel(new Cancelled('the call', 'it has ended'))
  call.outcome.then(over, over)
  void scope.run(async () => {
    try {
      await body(scope)
    } catch {
      // Its stream is gone: so is the call, or the lane tells.
    }
  })
}
