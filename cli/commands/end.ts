import { failAfter } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { shortId, visible } from '../text.ts'

/** Milliseconds that the end of an actor is waited for: its ladder is over before. */
export const END_MS = 15_000

/** An actor that was ended, as `cancel --json` and `kill --json` print it. */
export interface EndReport {
  readonly name: string
  readonly id: string
  readonly act: 'cancel' | 'kill'
  readonly reason: string | null
}

export interface EndOptions extends LookOptions {
  readonly reason?: string
  readonly timeout?: number
}

/** Asks an actor to end, or kills it; its mesh is told who did so. Gives the exit code. */
export async function end(act: EndReport['act'], given: string, options: EndOptions): Promise<number> {
  const { reason, timeout = END_MS } = options
  return await lookInto(options, async (sight, output) => {
    const member = sight.member(given)
    const { name, id } = member
    const why = reason === undefined ? {} : { reason }
    await failAfter(timeout, async () => await sight.observer[act](member, why))
    if (output.json) await output.document({ name, id, act, reason: reason ?? null } satisfies EndReport)
    else await output.line(`${visible(name)} (${shortId(id)}) ${act === 'kill' ? 'was killed' : 'was asked to end'}`)
  })
}
