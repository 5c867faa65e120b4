import { type ActorInfo, currentActor, failAfter, getArbiter, joinMesh, moveOnAfter, watchActors } from '../index.ts'

/** Milliseconds that the arbiter of a mesh may take to be known; an election is over long before. */
const ARBITER_WAIT_MS = 5_000

/** Prints the actors of a mesh as a tree; gives the exit code. */
export async function listActors(mesh: string): Promise<number> {
  await using _joined = await joinMesh({ mesh, name: 'greenroom-command' })
  const actors = (await presentActors()).filter((actor) => actor.id !== currentActor().id)
  if (actors.length === 0) {
    console.error(`no program of mesh '${mesh}' is running on this machine`)
    return 1
  }
  const arbiter = await failAfter(ARBITER_WAIT_MS, getArbiter)
  for (const line of drawTree(actors, arbiter.portal.id)) console.log(line)
  return 0
}

/** Whoever is up now: joining took the registry of another root over. */
async function presentActors(): Promise<ActorInfo[]> {
  const actors: ActorInfo[] = []
  await moveOnAfter(0, async () => {
    for await (const { actor } of watchActors()) actors.push(actor)
  })
  return actors
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
