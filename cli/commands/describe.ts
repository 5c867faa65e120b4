import { failAfter } from '../../index.ts'
import { drawActor } from '../draw-actor.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { readActor } from '../read-actor.ts'

/** Milliseconds that the actor has to tell of itself. */
const DESCRIBE_MS = 5_000

/** Prints what one actor is and does; gives the exit code. */
export async function describe(given: string, options: LookOptions & { readonly timeout?: number }): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const description = await failAfter(options.timeout ?? DESCRIBE_MS, async () => await readActor(sight, given))
    if (output.json) await output.document(description)
    else await drawActor(description, output)
  })
}
