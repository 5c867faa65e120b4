import type { MeshEvent } from '../../index.ts'

/** Milliseconds within which an event that says the same again is taken for a repetition. */
export const REPEAT_MS = 60_000

/** How often something has happened, and since when. */
export interface Repeat {
  readonly times: number
  readonly since: number
}

/** What is the same in events that repeat each other, whichever incarnations they are about; nothing for one that stands alone. */
export function repeatKey(event: MeshEvent): string | undefined {
  switch (event.type) {
    case 'restarting':
    case 'spawned':
    case 'forced':
    case 'ended':
      return JSON.stringify([event.type, event.actor.id, event.child.name, 'why' in event ? withoutIds(event.why) : ''])
    case 'act':
      return JSON.stringify(['act', event.act, event.by.name, event.target.name, event.what, event.why])
    case 'up':
    case 'down':
      return JSON.stringify([event.type, event.actor.name, event.actor.parent, 'why' in event ? event.why : ''])
    case 'lagged':
    case 'silent':
      return JSON.stringify([event.type, event.actor?.id])
    case 'linkUp':
    case 'linkDown':
    case 'suspected':
    case 'refuted':
    case 'seedLost':
      return JSON.stringify([event.type, event.peer.id])
    default:
      return undefined
  }
}

/** A reason names the incarnation that it is about. */
function withoutIds(why: string | undefined): string {
  return (why ?? '').replaceAll(/\(\w+\)/g, '')
}
