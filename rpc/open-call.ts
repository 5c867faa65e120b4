import type { CancelScope } from '../node/cancel-scope.ts'
import { Cancelled } from '../node/errors.ts'
import type { Caller, Target } from './caller.ts'
import { Channel, type ChannelEvents } from './channel.ts'
import type { PendingCall } from './lane.ts'
import { type CallKind, STREAM_PROTOCOL } from './protocol.ts'

/** A call whose data has a stream of its own. */
export interface OpenedCall {
  readonly call: PendingCall
  readonly channel: Channel
}

/** Starts a call whose data has a stream of its own. */
export async function openCall(
  caller: Caller,
  target: Target,
  functionId: string,
  args: readonly unknown[],
  kind: CallKind,
  scope: CancelScope,
  events: ChannelEvents = {},
): Promise<OpenedCall> {
  const lane = await caller.laneTo(target, scope)
  const turn = lane.openings.take(scope)
  if (turn !== undefined) await turn
  let call: PendingCall | undefined
  try {
    // The call goes first: its stream would be given up over there while the call still waits here for its place.
    call = await lane.start(functionId, args, kind, scope)
    const channel = new Channel(await caller.openWire(target, STREAM_PROTOCOL, scope), events)
    channel.hello(call.id)
    // A stream's caller sends no items; with both ends said, the libp2p stream closes after the last item.
    if (kind === 'stream') channel.end()
    return { call, channel }
  } catch (error) {
    call?.cancel(scope.reason ?? new Cancelled('the caller', 'its stream could not be opened'))
    throw error
  } finally {
    lane.openings.give()
  }
}
