import { type MeshEvent, moveOnAfter } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { showEvent } from '../show-event.ts'
import { showTime } from '../text.ts'

/** Events of before that are shown, unless told otherwise. */
export const RECENT_EVENTS = 50
/** Events that can be asked for of what was before. */
const MOST_RECALLED = 1_000
/** Milliseconds in which the actors say what they remember, when nothing is followed. */
export const RECALL_MS = 1_200

export interface EventsOptions extends LookOptions {
  readonly follow?: boolean
  readonly recent?: number
  readonly type?: readonly string[]
  readonly timeout?: number
}

/** Prints what has happened in the mesh and, when it is followed, what happens; gives the exit code. */
export async function events(given: readonly string[], options: EventsOptions): Promise<number> {
  const { recent = RECENT_EVENTS, follow = false, type } = options
  return await lookInto(options, async (sight, output) => {
    const names = new Set(sight.members().map(({ name }) => name))
    const actors = given.map((one) => (names.has(one) ? one : sight.member(one).id))
    // of what is remembered, those of one type are looked for among all
    const asked = follow || type === undefined ? recent : MOST_RECALLED
    const all = sight.observer.events({ recent: asked, follow, ...(given.length === 0 ? {} : { actors }) })
    const isWanted = (event: MeshEvent): boolean => type === undefined || type.includes(event.type)
    const print = async (event: MeshEvent): Promise<void> => {
      if (output.json) await output.item(event)
      else await output.line(`${showTime(event.at)} ${showEvent(event)}`)
    }
    if (follow) {
      for await (const event of all) if (isWanted(event)) await print(event)
      return
    }
    const known: MeshEvent[] = []
    await moveOnAfter(options.timeout ?? RECALL_MS, async () => {
      for await (const event of all) if (isWanted(event)) known.push(event)
    })
    for (const event of known.slice(Math.max(0, known.length - recent))) await print(event)
  })
}
