import { Broken } from './law.ts'
import type { Law, LawFamily, World } from './law.ts'

/** State that does not grow beyond the mesh. */
export const boundsLaws: LawFamily = (world) => [everythingIsBounded(world)]

/** Every how many steps of a simulation one actor's state is walked. */
const pace = 97
/** Entries of a collection for each actor that ever was, and beyond. */
const perActor = 3
const beside = 64

/**
 * Walks everything in a core's state, whatever it is called: a collection that somebody adds is bounded without being
 * listed here.
 */
function everythingIsBounded(world: World): Law {
  const title = 'state, queues and timers are bounded by the size of the mesh'
  let steps = 0
  return {
    title,
    onStep({ actor }) {
      if (actor.core.timers.size > 24) throw new Broken(title, `${actor.id} has ${actor.core.timers.size} timers`)
      if (++steps % pace !== 0) return
      const most = perActor * world.lives + beside
      walk(actor.id, 'core', actor.core, most, 0)
    },
  }

  function walk(id: string, path: string, value: unknown, most: number, depth: number): void {
    if (typeof value !== 'object' || value === null || depth > 4) return
    if (value instanceof Map || value instanceof Set) {
      if (value.size > most) throw new Broken(title, `${id} keeps ${value.size} entries in ${path}, more than ${most}`)
      return
    }
    if (Array.isArray(value)) {
      if (value.length > most) throw new Broken(title, `${id} keeps ${value.length} items in ${path}`)
      return
    }
    if (path === 'core.registry') {
      const { size, ended } = value as { size: number; ended: number }
      if (size > most || ended > most) throw new Broken(title, `${id} keeps ${size} records and ${ended} ends`)
      return
    }
    for (const [key, inner] of Object.entries(value)) walk(id, `${path}.${key}`, inner, most, depth + 1)
  }
}
