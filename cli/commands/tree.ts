import { type ActorTree, describeTree, showTree } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import { EXIT } from '../exit-code.ts'
import { findOne } from '../find-one.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { shortId, visible } from '../text.ts'

/** Milliseconds that the actors of a tree have to answer. */
export const TREE_MS = 1_000
/** What is left for the way there and back. */
const WAY_MS = 1_000

/** The supervision trees of a mesh, as `tree --json` prints them. */
export interface TreeReport {
  readonly trees: readonly ActorTree[]
  /** Roots that told nothing. */
  readonly silent: readonly { readonly name: string; readonly id: string; readonly why: string }[]
}

/** Prints what runs below whom, what it waits for, how often it was restarted and why; gives the exit code. */
export async function tree(
  given: string | undefined,
  options: LookOptions & { readonly timeout?: number },
): Promise<number> {
  const timeoutMs = options.timeout ?? TREE_MS
  return await lookInto(options, async (sight, output) => {
    const members = sight.members()
    const tops = given === undefined ? members.filter(({ parent }) => parent === null) : [findOne(members, given)]
    const portals = sight.portals()
    const answers = await askAll(
      tops,
      async ({ id }) => await describeTree(portals.get(id)!, { timeoutMs }),
      timeoutMs + WAY_MS,
    )
    const report: TreeReport = {
      trees: answers.flatMap(({ value }) => (value === undefined ? [] : [value])),
      silent: tops.flatMap(({ name, id }, i) => {
        const why = answers[i]!.silent
        return why === undefined ? [] : [{ name, id, why }]
      }),
    }
    if (output.json) await output.document(report)
    else {
      for (const one of report.trees) for (const line of showTree(one).split('\n')) await output.line(visible(line))
      for (const { name, id, why } of report.silent)
        await output.line(`${visible(name)} (${shortId(id)}) SILENT: ${why}`)
    }
    return report.silent.length === 0 ? EXIT.done : EXIT.failed
  })
}
