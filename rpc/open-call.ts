import type { CancelScope } from '../node/cancel-scope.ts'
import { Cancelled } from '../node/errors.ts'
import { type RunningCall, startCall } from './argument-pumps.ts'
import { assembling } from './assembly-budget.ts'
import type { Caller, Target } from './caller.ts'
import { Channel, type ChannelEvents } from './channel.ts'
import type { Lane } from './lane.ts'
import { type CallKind, STREAM_PROTOCOL } from './protocol.ts'

/** A call whose data has a stream of its own. */
export interface OpenedCall {
  readonly call: RunningCall
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
  let lane: Lane | undefined
  let call: RunningCall | undefined
  try {
    // The call goes first: its stream would be given up over there while the call still waits here for its place.
    call = await startCall(args, {
      self: caller.self,
      scope,
      start: async (values, streams) => {
        const to = await caller.laneTo(target, scope)
        const turn = to.openings.take(scope)
        if (turn !== undefined) await turn
        lane = to
        return await to.start(functionId, values, kind, scope, streams)
      },
      openPart: async () => await caller.openPart(target, scope),
    })
    const channel = new Channel(await caller.openWire(target, STREAM_PROTOCOL, scope), events, assembling.of(target.id))
    channel.belongsTo({ functionId, peer: target.id, role: 'caller' })
    channel.hello(call.id)
    // A stream's caller sends no items; with both ends said, the libp2p stream closes after the last item.
    if (kind === 'stream') channel.end()
    return { call, channel }
  } catch (error) {
    call?.cancel(scope.reason ?? new Cancelled('the caller', 'its stream could not be opened'))
    throw error
  } finally {
    lane?.openings.give()
  }
}
