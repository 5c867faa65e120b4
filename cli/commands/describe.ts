import type { ActorStats, FunctionDescription, FunctionStats } from '../../index.ts'
import { failAfter } from '../../index.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { MeshSight } from '../mesh-sight.ts'
import type { Output } from '../output.ts'
import { roundTrip } from '../round-trip.ts'
import type { Column } from '../table.ts'
import { shortId, showBytes, showMs, visible } from '../text.ts'

/** Milliseconds that the actor has to tell of itself. */
const DESCRIBE_MS = 5_000

/** One actor, as `describe --json` prints it. */
export interface ActorDescription {
  readonly name: string
  readonly id: string
  readonly status: string
  readonly parent: { readonly name: string; readonly id: string } | null
  readonly root: { readonly name: string; readonly id: string }
  readonly version: string | null
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly addresses: readonly string[]
  readonly modules: readonly string[]
  readonly rttMs: number
  /** What may be called in it. */
  readonly functions: readonly FunctionDescription[]
  readonly stats: ActorStats
}

/** Prints what one actor is and does; gives the exit code. */
export async function describe(given: string, options: LookOptions & { readonly timeout?: number }): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const description = await failAfter(options.timeout ?? DESCRIBE_MS, async () => await readActor(sight, given))
    if (output.json) await output.document(description)
    else await drawActor(description, output)
  })
}

async function readActor(sight: MeshSight, given: string): Promise<ActorDescription> {
  const members = sight.members()
  const member = sight.member(given)
  const portal = sight.portal(member)
  const [functions, stats, rttMs] = await Promise.all([portal.describe(), portal.stats(), roundTrip(portal)])
  const refOf = (id: string): { name: string; id: string } => ({
    name: members.find((one) => one.id === id)?.name ?? '',
    id,
  })
  const { name, id, status, parent, root, version, tags, groups, addresses, modules } = member
  return {
    name,
    id,
    status,
    parent: parent === null ? null : refOf(parent),
    root: refOf(root),
    version,
    tags,
    groups,
    addresses,
    modules,
    rttMs,
    functions,
    stats,
  }
}

async function drawActor(actor: ActorDescription, output: Output): Promise<void> {
  const { stats } = actor
  const showRef = ({ name, id }: { name: string; id: string }): string => `${visible(name)} (${shortId(id)})`
  const facts: readonly (readonly [string, string])[] = [
    ['id', visible(actor.id)],
    ['status', actor.status],
    ['up for', showMs(stats.uptimeMs)],
    ['round trip', showMs(actor.rttMs)],
    ['parent', actor.parent === null ? '' : showRef(actor.parent)],
    ['root', actor.parent === null ? '' : showRef(actor.root)],
    ['version', visible(actor.version ?? '')],
    ['tags', visible(actor.tags.join(' '))],
    ['groups', visible(actor.groups.join(' '))],
    ['serves', visible(actor.modules.join(', '))],
    ['calls served', showCalls(stats.served)],
    ['calls made', showCalls(stats.made)],
    ['bytes', `${showBytes(stats.bytes.received)} in, ${showBytes(stats.bytes.sent)} out`],
    ['streams', `${stats.streams.open} open, ${stats.streams.itemsReceived} items in, ${stats.streams.itemsSent} out`],
    ['refused', showRefused(stats)],
    ['addresses', visible(actor.addresses.join(' '))],
  ]
  await output.line(visible(actor.name))
  for (const [name, value] of facts) if (value !== '') await output.line(`  ${name.padEnd(13)} ${value}`)
  if (actor.functions.length === 0) {
    await output.line('\nit serves no functions')
    return
  }
  await output.line('')
  await output.table(COLUMNS, countedFunctions(actor))
}

interface CountedFunction {
  readonly id: string
  readonly kind: string
  readonly stats: FunctionStats | undefined
}

/** Those that may be called, and those that were. */
function countedFunctions({ functions, stats }: ActorDescription): CountedFunction[] {
  const counted = new Map(stats.functions.map((one) => [one.id, one]))
  const served = functions.map(({ id, kind }) => ({ id, kind, stats: counted.get(id) }))
  const others = stats.functions.filter(({ id }) => !functions.some((one) => one.id === id))
  return [...served, ...others.map((one) => ({ id: one.id, kind: one.kind, stats: one }))]
}

const COLUMNS: readonly Column<CountedFunction>[] = [
  { title: 'FUNCTION', cell: ({ id }) => visible(id) },
  { title: 'KIND', cell: ({ kind }) => kind },
  { title: 'CALLS', cell: ({ stats }) => String(stats?.started ?? 0), right: true },
  { title: 'NOW', cell: ({ stats }) => String(stats?.inFlight ?? 0), right: true },
  { title: 'FAILED', cell: ({ stats }) => String(stats?.failed ?? 0), right: true },
  { title: 'P50', cell: ({ stats }) => showLatency(stats?.latency.p50Us, stats), right: true },
  { title: 'P99', cell: ({ stats }) => showLatency(stats?.latency.p99Us, stats), right: true },
]

function showLatency(us: number | undefined, stats: FunctionStats | undefined): string {
  return us === undefined || stats === undefined || stats.latency.count === 0 ? '-' : showMs(us / 1_000)
}

function showCalls({ started, inFlight, failed, cancelled, latency }: ActorStats['served']): string {
  if (started === 0) return 'none'
  const half = latency.count === 0 ? '' : `, half of them within ${showMs(latency.p50Us / 1_000)}`
  return `${started}: ${inFlight} under way, ${failed} failed, ${cancelled} cancelled${half}`
}

function showRefused({ refused }: ActorStats): string {
  const { calls, streams, protocolErrors, peersDropped } = refused
  if (calls + streams + protocolErrors + peersDropped === 0) return ''
  return `${calls} calls, ${streams} streams; ${protocolErrors} breaches of the protocol, ${peersDropped} peers cut off`
}
