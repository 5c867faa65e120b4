import { events } from './events.ts'
import { snapshot } from './snapshot.ts'

/** The discovery layer of this actor, to look at. */
export const discovery = { snapshot, events } as const
