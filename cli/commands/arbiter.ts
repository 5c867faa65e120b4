import type { ArbiterSnapshot, ElectionSnapshot, ReignSnapshot } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { EXIT } from '../exit-code.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { shortId, showMs, showTime, visible } from '../text.ts'

/** Who rules a mesh, as `arbiter --json` prints it. */
export interface ArbiterReport {
  /** When the root that was asked learnt that it rules: milliseconds since 1970; null when nobody does. */
  readonly since: number | null
  /** Who ruled before, as far as the root that was asked knows, at most 32, the latest first. */
  readonly history: readonly ReignSnapshot[]
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
  const { arbiter: ruler, election, reigns } = sight.snapshot()
  const names = new Map(sight.members().map(({ id, name }) => [id, name]))
  const committee = election.committee.map((one) =>
    election.mode === 'quorum' ? { name: one, id: null } : { name: names.get(one) ?? '', id: one },
  )
  const own = reigns.findLastIndex(({ arbiter: one, term }) => one?.id !== ruler?.id || term !== ruler?.term) + 1
  return {
    since: ruler === null ? null : (reigns[own]?.since ?? null),
    history: reigns.slice(0, own).toReversed(),
    arbiter: ruler && { name: ruler.name, id: ruler.id, term: ruler.term, provisional: ruler.provisional },
    election: { mode: election.mode, term: election.term, committee },
  }
}

function drawArbiter({ arbiter: ruler, since, history, election }: ArbiterReport): string[] {
  const { mode, term, committee } = election
  const electors = committee.map(({ name, id }) => (id === null ? visible(name) : `${visible(name)} (${shortId(id)})`))
  const who =
    ruler === null
      ? `nobody rules: the highest term is ${term}`
      : `${visible(ruler.name)} (${shortId(ruler.id)}) rules in term ${ruler.term}${since === null ? '' : `, for ${showMs(Date.now() - since)}`}` +
        (ruler.provisional ? ', provisionally: it sees less than half of what it saw before' : '')
  return [
    who,
    ...history.map(showReign),
    `elected by ${mode === 'quorum' ? 'declared electors' : 'the oldest roots'}: ${electors.join(', ') || '-'}`,
  ]
}

function showReign({ since, term, arbiter: ruler, provisional }: ReignSnapshot): string {
  const who = ruler === null ? 'nobody ruled' : `${visible(ruler.name)} (${shortId(ruler.id)}) ruled`
  return `  from ${showTime(since)} on ${who}, term ${term}${provisional ? ', provisionally' : ''}`
}
