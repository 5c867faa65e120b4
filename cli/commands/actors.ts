import type { MemberSnapshot } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { shortId, visible } from '../text.ts'
import { type Condition, holds } from '../where.ts'

/** A live actor, as `actors --json` prints it. */
export interface ActorReport {
  readonly name: string
  readonly id: string
  readonly status: MemberSnapshot['status']
  readonly arbiter: boolean
  /** The actor that started it; null for a root. */
  readonly parent: string | null
  /** The top actor of its tree. */
  readonly root: { readonly name: string; readonly id: string }
  readonly modules: readonly string[]
  readonly version: string | null
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly startedAt: number
  readonly addresses: readonly string[]
}

/** Prints the live actors of a mesh; gives the exit code. */
export async function actors(options: LookOptions & { readonly where?: Condition[] }): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const all = readActors(sight)
    const chosen = all.filter(({ member, report }) => holds(options.where ?? [], member, report.root.name))
    const reports = chosen.map(({ report }) => report)
    if (output.json) await output.document(reports)
    else if (reports.length === 0) output.note('no actor of the mesh is such')
    else for (const line of drawActors(reports)) await output.line(line)
  })
}

function readActors(sight: MeshSight): { readonly member: MemberSnapshot; readonly report: ActorReport }[] {
  const members = sight.members()
  const names = new Map(members.map(({ id, name }) => [id, name]))
  const arbiter = sight.arbiter()?.id
  return members.map((member) => {
    const { name, id, status, parent, modules, version, tags, groups, incarnation, addresses } = member
    const root = { name: names.get(member.root) ?? '', id: member.root }
    const report = {
      name,
      id,
      status,
      arbiter: id === arbiter,
      parent,
      root,
      modules,
      version,
      tags,
      groups,
      startedAt: incarnation,
      addresses,
    }
    return { member, report }
  })
}

/** Each actor below its parent when that is shown too; `*` before the arbiter. */
export function drawActors(actors: readonly ActorReport[]): string[] {
  const shown = new Set(actors.map(({ id }) => id))
  const below = Map.groupBy(actors, ({ parent }) => (parent !== null && shown.has(parent) ? parent : undefined))
  const draw = (actor: ActorReport, depth: number): string[] => [
    drawActor(actor, depth),
    ...(below.get(actor.id) ?? []).flatMap((child) => draw(child, depth + 1)),
  ]
  return (below.get(undefined) ?? []).flatMap((root) => draw(root, 0))
}

function drawActor({ name, id, status, arbiter, modules, version, tags, groups }: ActorReport, depth: number): string {
  const words = [
    status === 'up' ? '' : status,
    modules.length === 0 ? '' : `serves ${modules.join(', ')}`,
    version === null ? '' : `version ${version}`,
    [...tags, ...groups.map((group) => `@${group}`)].join(' '),
  ].filter((word) => word !== '')
  const line = `${arbiter ? '*' : ' '} ${'  '.repeat(depth)}${visible(name)} (${shortId(id)})`
  return [line, ...words.map(visible)].join('  ')
}
