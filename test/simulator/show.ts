import type { Effect } from '../../discovery/core/effect.ts'
import type { Input } from '../../discovery/core/input.ts'

/** An input in a few words, for a trace. */
export function describeInput(input: Input): string {
  if (input.type === 'message') return `${input.message.type} from ${input.from} by ${input.via}`
  if (input.type === 'timer') return `timer ${input.name}`
  if (input.type === 'dialled') return `dialled ${input.peerId} ${input.outcome}`
  return 'peerId' in input ? `${input.type} ${input.peerId}` : input.type
}

/** An effect in a few words, for a trace. */
export function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case 'send':
      return `${effect.message.type}>${effect.to}`
    case 'dial':
      return `dial>${effect.peerId}`
    case 'setTimer':
      return `${effect.name}@${effect.at.toFixed(3)}`
    case 'emit': {
      const { event } = effect
      if ('record' in event && event.record !== undefined) return `!${event.type} ${event.record.peerId}`
      return event.type === 'arbiter' ? `!arbiter ${event.token?.peerId ?? 'nobody'}` : `!${event.type}`
    }
    default:
      return effect.type
  }
}
