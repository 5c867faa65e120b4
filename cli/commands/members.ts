import type { MemberSnapshot } from '../../index.ts'
import { type Answer, askAll } from '../ask-all.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { roundTrip } from '../round-trip.ts'
import type { Column } from '../table.ts'
import { shortId, showMs, visible } from '../text.ts'

/** A root of the mesh, as `members --json` prints it. */
export interface MemberReport {
  readonly name: string
  readonly id: string
  /** `silent` did not answer the command in time. */
  readonly health: MemberSnapshot['status'] | 'silent'
  /** Why a silent one is called so. */
  readonly silent: string | null
  readonly arbiter: boolean
  /** Milliseconds to it and back. */
  readonly rttMs: number | null
  readonly version: string | null
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  /** Live actors of its tree, itself included. */
  readonly actors: number
  /** When it started, since 1970 by its machine's clock. */
  readonly startedAt: number
  readonly addresses: readonly string[]
}

/** Prints the roots of a mesh; gives the exit code. */
export async function members(options: LookOptions & { readonly timeout?: number }): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const reports = await readMembers(sight, options.timeout)
    if (output.json) await output.document(reports)
    else await output.table(COLUMNS, reports)
  })
}

/** The roots of a mesh, the oldest first, each asked how it is. */
export async function readMembers(sight: MeshSight, timeoutMs?: number): Promise<MemberReport[]> {
  const all = sight.members()
  const roots = all.filter(({ parent }) => parent === null)
  const count = new Map<string, number>()
  for (const { root } of all) count.set(root, (count.get(root) ?? 0) + 1)
  const answers = await askAll(roots, async (root) => await roundTrip(sight.portal(root)), timeoutMs)
  const arbiter = sight.arbiter()?.id
  return roots.map((root, i) => report(root, answers[i]!, root.id === arbiter, count.get(root.id) ?? 1))
}

function report(root: MemberSnapshot, answer: Answer<number>, arbiter: boolean, actors: number): MemberReport {
  const { name, id, status, version, tags, groups, incarnation, addresses } = root
  return {
    name,
    id,
    health: answer.silent === undefined ? status : 'silent',
    silent: answer.silent ?? null,
    arbiter,
    rttMs: answer.value ?? null,
    version,
    tags,
    groups,
    actors,
    startedAt: incarnation,
    addresses,
  }
}

const COLUMNS: readonly Column<MemberReport>[] = [
  { title: '  NAME', cell: ({ arbiter, name }) => `${arbiter ? '*' : ' '} ${visible(name)}` },
  { title: 'ID', cell: ({ id }) => shortId(id) },
  { title: 'HEALTH', cell: ({ health }) => health },
  { title: 'RTT', cell: ({ rttMs }) => (rttMs === null ? '-' : showMs(rttMs)), right: true },
  { title: 'UP', cell: ({ startedAt }) => showMs(Math.max(0, Date.now() - startedAt)), right: true },
  { title: 'ACTORS', cell: ({ actors }) => String(actors), right: true },
  { title: 'VERSION', cell: ({ version }) => visible(version ?? '') },
  { title: 'TAGS', cell: ({ tags, groups }) => visible([...tags, ...groups.map((group) => `@${group}`)].join(' ')) },
  { title: 'ADDRESS', cell: ({ addresses }) => visible(withoutId(bestOf(addresses))) },
]

function bestOf(addresses: readonly string[]): string {
  return addresses.find((address) => !address.startsWith('/unix/')) ?? addresses[0] ?? ''
}

function withoutId(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '')
}
