import { type ActorInfo, currentActor, joinMesh, moveOnAfter, watchActors } from '../index.ts'

/** Milliseconds that the arbiter of a mesh may take to be known; an election is over long before. */
export const ARBITER_WAIT_MS = 5_000

/** Joins a mesh for a moment, and shows a function who is there; gives the exit code. */
export async function lookInto(mesh: string, show: (actors: readonly ActorInfo[]) => Promise<void>): Promise<number> {
  await using _joined = await joinMesh({ mesh, name: 'greenroom-command' })
  const actors = (await presentActors()).filter((actor) => actor.id !== currentActor().id)
  if (actors.length === 0) {
    console.error(`no program of mesh '${mesh}' can be reached from this machine`)
    return 1
  }
  await show(actors)
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
