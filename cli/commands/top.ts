import { sleep } from '../../index.ts'
import { CommandError } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { ActorView } from '../model/mesh-model.ts'
import { MeshReader } from '../model/mesh-reader.ts'
import type { Output } from '../output.ts'
import type { Column } from '../table.ts'
import type { TopOrder } from '../top-orders.ts'
import { shortId, showBytes, showMs, visible } from '../text.ts'

/** Milliseconds over which the actors are watched before something is shown. */
export const TOP_INTERVAL_MS = 1_000
/** Actors that are shown, unless told otherwise. */
export const TOP_LIMIT = 20

/** Actors that are asked; of larger meshes the oldest. */
export const MAX_TOP_ASKED = 1_024

/** How busy an actor is, as `top --json` prints it; rates are for each second. */
export interface BusyReport {
  readonly name: string
  readonly id: string
  readonly root: { readonly name: string; readonly id: string }
  readonly host: string | null
  readonly pid: number | null
  /** Milliseconds that these numbers are of; null when it did not answer twice. */
  readonly overMs: number | null
  readonly servedPerS: number | null
  readonly madePerS: number | null
  readonly failedPerS: number | null
  readonly inFlight: number | null
  readonly p50Us: number | null
  readonly p99Us: number | null
  readonly openStreams: number | null
  readonly itemsPerS: number | null
  readonly bytesPerS: number | null
  /** Processors in use: 1 is one processor. */
  readonly cpuShare: number | null
  readonly rssBytes: number | null
  /** The share of time in which its event loop was not idle, 0 to 1. */
  readonly loopShare: number | null
  /** By how much its timers come late, all but the worst hundredth. */
  readonly loopP99Ms: number | null
  readonly silent: string | null
}

export interface TopOptions extends LookOptions {
  readonly sort?: TopOrder
  readonly limit?: number
  readonly interval?: number
  readonly follow?: boolean
}

/** Prints the busiest actors, once or again and again; gives the exit code. */
export async function top(options: TopOptions): Promise<number> {
  const { sort = 'calls', limit = TOP_LIMIT, interval = TOP_INTERVAL_MS } = options
  return await lookInto(options, async (sight, output) => {
    const reader = new MeshReader(sight)
    const follow = options.follow === true
    const everybody = { most: MAX_TOP_ASKED, unsparing: !follow }
    await reader.read(everybody)
    do {
      await sleep(interval)
      await reader.read(everybody)
      const reports = busiest(reader.model.actors, sort).slice(0, limit)
      if (!follow && reports.every(({ silent }) => silent !== null))
        throw new CommandError('NO_ANSWER', EXIT.failed, "no actor answers: 'greenroom doctor' looks why")
      await show(reports, follow, output)
    } while (follow)
  })
}

async function show(reports: readonly BusyReport[], again: boolean, output: Output): Promise<void> {
  if (output.json) {
    if (again) await output.item(reports)
    else await output.document(reports)
    return
  }
  if (again && output.width !== undefined) output.clear()
  else if (again) await output.line(new Date().toISOString())
  await output.table(COLUMNS, reports)
}

/** The busiest first, by what is asked for; those that do not answer last. */
export function busiest(actors: readonly ActorView[], order: TopOrder): BusyReport[] {
  const names = new Map(actors.map(({ member }) => [member.id, member.name]))
  const measure = MEASURES[order]
  return actors
    .map((actor) => report(actor, names.get(actor.member.root) ?? ''))
    .toSorted((a, b) => (measure(b) ?? -1) - (measure(a) ?? -1))
}

const MEASURES: Readonly<Record<TopOrder, (report: BusyReport) => number | null>> = {
  calls: ({ servedPerS, madePerS }) => (servedPerS === null ? null : servedPerS + (madePerS ?? 0)),
  failures: ({ failedPerS }) => failedPerS,
  latency: ({ p99Us }) => p99Us,
  streams: ({ itemsPerS }) => itemsPerS,
  bytes: ({ bytesPerS }) => bytesPerS,
  cpu: ({ cpuShare }) => cpuShare,
  memory: ({ rssBytes }) => rssBytes,
  loop: ({ loopP99Ms }) => loopP99Ms,
}

function report({ member, vitals, rates, silent }: ActorView, rootName: string): BusyReport {
  const { name, id, root } = member
  return {
    name,
    id,
    root: { name: rootName, id: root },
    host: vitals?.host ?? null,
    pid: vitals?.pid ?? null,
    overMs: rates?.overMs ?? null,
    servedPerS: rates?.served ?? null,
    madePerS: rates?.made ?? null,
    failedPerS: rates?.failed ?? null,
    inFlight: vitals?.stats.served.inFlight ?? null,
    p50Us: rates?.latency?.p50Us ?? null,
    p99Us: rates?.latency?.p99Us ?? null,
    openStreams: vitals?.stats.streams.open ?? null,
    itemsPerS: rates === undefined ? null : rates.itemsIn + rates.itemsOut,
    bytesPerS: rates === undefined ? null : rates.bytesIn + rates.bytesOut,
    cpuShare: vitals?.cpu.share ?? null,
    rssBytes: vitals?.memory.rssBytes ?? null,
    loopShare: vitals?.eventLoop.utilization ?? null,
    loopP99Ms: vitals?.eventLoop.delayMs?.p99 ?? null,
    silent: silent ?? null,
  }
}

const COLUMNS: readonly Column<BusyReport>[] = [
  { title: 'NAME', cell: ({ name }) => visible(name) },
  { title: 'ID', cell: ({ id }) => shortId(id) },
  { title: 'ROOT', cell: ({ root, id }) => (root.id === id ? '' : visible(root.name)) },
  { title: 'SERVED/S', cell: ({ servedPerS }) => rate(servedPerS), right: true },
  { title: 'MADE/S', cell: ({ madePerS }) => rate(madePerS), right: true },
  { title: 'FAILED/S', cell: ({ failedPerS }) => rate(failedPerS), right: true },
  { title: 'NOW', cell: ({ inFlight }) => String(inFlight ?? '-'), right: true },
  { title: 'P50', cell: ({ p50Us }) => (p50Us === null ? '-' : showMs(p50Us / 1_000)), right: true },
  { title: 'P99', cell: ({ p99Us }) => (p99Us === null ? '-' : showMs(p99Us / 1_000)), right: true },
  {
    title: 'BYTES/S',
    cell: ({ bytesPerS }) => (bytesPerS === null ? '-' : showBytes(Math.round(bytesPerS))),
    right: true,
  },
  { title: 'CPU', cell: ({ cpuShare }) => (cpuShare === null ? '-' : `${Math.round(cpuShare * 100)} %`), right: true },
  { title: 'MEMORY', cell: ({ rssBytes }) => (rssBytes === null ? '-' : showBytes(rssBytes)), right: true },
  { title: 'LOOP LATE', cell: ({ loopP99Ms }) => (loopP99Ms === null ? '-' : showMs(loopP99Ms)), right: true },
  { title: '', cell: ({ silent }) => (silent === null ? '' : `SILENT: ${silent}`) },
]

function rate(perSecond: number | null): string {
  if (perSecond === null) return '-'
  return perSecond >= 10 || perSecond === 0 ? String(Math.round(perSecond)) : perSecond.toFixed(1)
}
