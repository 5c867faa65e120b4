import { failAfter, getArbiter } from '../index.ts'
import { ARBITER_WAIT_MS, lookInto } from './look-into.ts'

/** Prints the roots of a mesh; gives the exit code. */
export async function listMembers({ mesh, json }: { mesh: string; json?: boolean }): Promise<number> {
  return await lookInto(mesh, async (actors) => {
    const { portal } = await failAfter(ARBITER_WAIT_MS, getArbiter)
    const members = actors
      .filter(({ parent }) => parent === undefined)
      .map(({ name, id, addresses, tags, version }) => ({
        name,
        id,
        arbiter: id === portal.id,
        actors: actors.filter(({ root }) => root === id).length,
        version,
        tags,
        addresses,
      }))
    if (json === true) {
      console.log(JSON.stringify(members, null, 2))
      return
    }
    for (const { name, id, arbiter, actors: count, addresses } of members) {
      const where = addresses.find((address) => !address.startsWith('/unix/')) ?? ''
      console.log(`${arbiter ? '*' : ' '} ${name} (${id.slice(-8)})  ${count} actors  ${where}`)
    }
  })
}
