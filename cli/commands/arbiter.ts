import type { ArbiterSnapshot, ElectionSnapshot } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { EXIT } from '../exit-code.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { shortId, visible } from '../text.ts'

/** Who rules a mesh, as `arbiter --json` prints it. */
export interface ArbiterReport {
  readonly arbiter: Pick<ArbiterSnapshot, 'name' | 'id' | 'term' | 'provisional'> | null
  readonly election: {
    readonly mode: ElectionSnapshot['mode']
    /** The highest term that was heard of. */
    readonly term: number
    /** Who elects: roots by peer id, or declared electors, which have names only. */
    readonly committee: readonly { readonly name: string; readonly id: string | null }[]
  }
}

/** Prints who the arbiter is, and who elects it; gives the exit code. */
export async function arbiter(options: LookOptions): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const report = readArbiter(sight)
    if (output.json) await output.document(report)
    else for (const line of drawArbiter(report)) await output.line(line)
    return report.arbiter === null ? EXIT.failed : EXIT.done
  })
}

function readArbiter(sight: MeshSight): ArbiterReport {
  const { arbiter: ruler, election } = sight.snapshot()
  const names = new Map(sight.members().map(({ id, name }) => [id, name]))
  const committee = election.committee.map((one) =>
    election.mode === 'quorum' ? { name: one, id: null } : { name: names.get(one) ?? '', id: one },
  )
  return {
    arbiter: ruler && { name: ruler.name, id: ruler.id, term: ruler.term, provisional: ruler.provisional },
    election: { mode: election.mode, term: election.term, committee },
  }
}

function drawArbiter({ arbiter: ruler, election }: ArbiterReport): string[] {
  const { mode, term, committee } = election
  const electors = committee.map(({ name, id }) => (id === null ? visible(name) : `${visible(name)} (${shortId(id)})`))
  const who =
    ruler === null
      ? `nobody rules: the highest term is ${term}`
      : `${visible(ruler.name)} (${shortId(ruler.id)}) rules in term ${ruler.term}` +
        (ruler.provisional ? ', provisionally: it sees less than half of what it saw before' : '')
  return [
    who,
    `elected by ${mode === 'quorum' ? 'declared electors' : 'the oldest roots'}: ${electors.join(', ') || '-'}`,
  ]
}
