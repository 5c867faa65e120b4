import { type ActorInfo, failAfter, getArbiter } from '../index.ts'
import { ARBITER_WAIT_MS, lookInto } from './look-into.ts'

/** Prints the actors of a mesh as a tree; gives the exit code. */
export async function listActors(mesh: string): Promise<number> {
  return await lookInto(mesh, async (actors) => {
    const arbiter = await failAfter(ARBITER_WAIT_MS, getArbiter)
    for (const line of drawTree(actors, arbiter.portal.id)) console.log(line)
  })
}

/** Each actor below its parent, `*` before the arbiter. */
export function drawTree(actors: readonly ActorInfo[], arbiterId: string): string[] {
  const below = Map.groupBy(actors, (actor) => actor.parent)
  const draw = (actor: ActorInfo, depth: number): string[] => {
    const mark = actor.id === arbiterId ? '*' : ' '
    const serves = actor.modules.length === 0 ? '' : `  serves ${actor.modules.join(', ')}`
    const line = `${mark} ${'  '.repeat(depth)}${actor.name} (${actor.id.slice(-8)})${serves}`
    return [line, ...(below.get(actor.id) ?? []).flatMap((child) => draw(child, depth + 1))]
  }
  return (below.get(undefined) ?? []).flatMap((root) => draw(root, 0))
}
