import type { ActorRef, ActorStats, FunctionStats, StreamVitals } from '../index.ts'
import type { ActorDescription } from './read-actor.ts'
import type { Output } from './output.ts'
import type { Column } from './table.ts'
import { shortId, showBytes, showMs, visible } from './text.ts'

/** One actor in words: what it is, how it is, what it serves. */
export async function drawActor(actor: ActorDescription, output: Output): Promise<void> {
  const { stats, vitals } = actor
  const facts: readonly (readonly [string, string])[] = [
    ['id', visible(actor.id)],
    ['status', actor.status],
    ['up for', showMs(stats.uptimeMs)],
    ['round trip', showMs(actor.rttMs)],
    ['parent', actor.parent === null ? '' : showRef(actor.parent)],
    ['root', actor.parent === null ? '' : showRef(actor.root)],
    ['process', showProcess(vitals)],
    ['processor', `${showShare(vitals.cpu.share)}, event loop busy ${showShare(vitals.eventLoop.utilization)}`],
    ['timers late', showDelay(vitals.eventLoop.delayMs)],
    ['memory', showMemory(vitals.memory)],
    ['children', showChildren(vitals.children)],
    ['log', `from ${vitals.logLevel} on`],
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
  await output.line('')
  if (actor.functions.length === 0) await output.line('it serves no functions')
  else await output.table(COLUMNS, countedFunctions(actor))
  if (vitals.streams.length === 0) return
  await output.line('')
  await output.table(streamColumns(vitals.at), vitals.streams)
}

type Vitals = ActorDescription['vitals']

function showProcess({ pid, host, platform, arch, versions, startMethod }: Vitals): string {
  const carrier = startMethod === 'thread' ? 'thread of ' : ''
  return visible(
    `${carrier}${pid} on ${host}, ${platform} ${arch}, Node ${versions.node}, greenroom ${versions.greenroom}`,
  )
}

function showDelay(delayMs: Vitals['eventLoop']['delayMs']): string {
  return delayMs === null ? '' : `half of them ${showMs(delayMs.p50)}, the latest ${showMs(delayMs.max)}`
}

function showMemory({ rssBytes, heapUsedBytes, heapTotalBytes, externalBytes }: Vitals['memory']): string {
  const heap = `heap ${showBytes(heapUsedBytes)} of ${showBytes(heapTotalBytes)}`
  return `${showBytes(rssBytes)} of the process, ${heap}, ${showBytes(externalBytes)} outside`
}

function showChildren({ starting, running, restarting, restarts }: Vitals['children']): string {
  if (starting + running + restarting + restarts === 0) return ''
  return `${running} run, ${starting} start, ${restarting} wait to be started again; ${restarts} restarts so far`
}

function showShare(share: number): string {
  return `${Math.round(share * 100)} %`
}

function streamColumns(now: number): readonly Column<StreamVitals>[] {
  return [
    { title: 'STREAM', cell: ({ functionId }) => visible(functionId) },
    { title: 'IT', cell: ({ role }) => (role === 'callee' ? 'serves' : 'calls') },
    { title: 'WITH', cell: ({ peer }) => (peer.name === '' ? shortId(peer.id) : showRef(peer)) },
    { title: 'SENT', cell: ({ itemsSent }) => String(itemsSent), right: true },
    { title: 'TAKEN', cell: ({ itemsReceived }) => String(itemsReceived), right: true },
    { title: 'CREDIT', cell: ({ credit }) => `${credit.items}, ${showBytes(credit.bytes)}`, right: true },
    { title: 'QUEUE', cell: ({ queued }) => String(queued), right: true },
    { title: 'FOR', cell: ({ since }) => showMs(Math.max(0, now - since)), right: true },
  ]
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

function showRef({ name, id }: ActorRef): string {
  return `${visible(name)} (${shortId(id)})`
}
