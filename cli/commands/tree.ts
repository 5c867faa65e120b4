import { type ActorTree, describeTree, showTree } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import { EXIT } from '../exit-code.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { shortId, visible } from '../text.ts'

/** Milliseconds that the actors of a tree have to answer. */
export const TREE_MS = 1_000

/** The supervision trees of a mesh, as `tree --json` prints them. */
export interface TreeReport {
  readonly trees: readonly ActorTree[]
  /** Roots that told nothing. */
  readonly silent: readonly { readonly name: string; readonly id: string; readonly why: string }[]
}

export interface TreeCommandOptions extends LookOptions {
  readonly timeout?: number
}

/** Prints what runs below whom, what it waits for, how often it was restarted and why; gives the exit code. */
export async function tree(given: string | undefined, options: TreeCommandOptions): Promise<number> {
  const timeoutMs = options.timeout ?? TREE_MS
  return await lookInto(options, async (sight, output) => {
    const report = given === undefined ? await readTrees(sight, timeoutMs) : await readTree(sight, given, timeoutMs)
    if (output.json) await output.document(report)
    else {
      for (const one of report.trees) for (const line of showTree(one).split('\n')) await output.line(visible(line))
      for (const { name, id, why } of report.silent)
        await output.line(`${visible(name)} (${shortId(id)}) SILENT: ${visible(why)}`)
    }
    return report.silent.length === 0 ? EXIT.done : EXIT.failed
  })
}

async function readTrees({ observer }: MeshSight, timeoutMs: number): Promise<TreeReport> {
  const { trees, silent } = await observer.trees({ timeoutMs })
  return { trees, silent: silent.map(({ actor: { name, id }, why }) => ({ name, id, why })) }
}

async function readTree(sight: MeshSight, given: string, timeoutMs: number): Promise<TreeReport> {
  const member = sight.member(given)
  const ask = async (): Promise<ActorTree> =>
    await describeTree(sight.portal(member), { timeoutMs: timeoutMs * SHARE_BELOW })
  const [answer] = await askAll([member], ask, timeoutMs)
  const { name, id } = member
  return answer?.value === undefined
    ? { trees: [], silent: [{ name, id, why: answer?.silent ?? '' }] }
    : { trees: [answer.value], silent: [] }
}

/** Of the time that an actor has to answer, what those below it get, so that it can still tell who did not. */
const SHARE_BELOW = 0.9
