import { shortId, showBytes, showMs, visible } from '../text.ts'
import type { ActorRow } from './actor-rows.ts'
import type { GridColumn } from './grid.ts'
import { healthOf } from './health.ts'
import { type Span, span } from './line.ts'
import { showRate, showShare } from './numbers.ts'

/** Of the tree, and of the list of actors. */
export function actorColumns(now: number): readonly GridColumn<ActorRow>[] {
  return [
    { title: 'ACTOR', width: 14, wide: true, rank: 0, cell: nameCell },
    { title: 'HEALTH', width: 7, rank: 1, cell: ({ actor }) => healthOf(actor) },
    { title: 'CALLS/S', width: 7, rank: 2, right: true, cell: ({ actor: { rates } }) => showRate(rates?.served) },
    { title: 'FAIL/S', width: 6, rank: 3, right: true, cell: failedCell },
    { title: 'P50', width: 7, rank: 9, right: true, cell: ({ actor: { rates } }) => showUs(rates?.latency?.p50Us) },
    { title: 'P99', width: 7, rank: 4, right: true, cell: ({ actor: { rates } }) => showUs(rates?.latency?.p99Us) },
    { title: 'MADE/S', width: 6, rank: 10, right: true, cell: ({ actor: { rates } }) => showRate(rates?.made) },
    {
      title: 'NOW',
      width: 4,
      rank: 11,
      right: true,
      cell: ({ actor: { vitals } }) => String(vitals?.stats.served.inFlight ?? '-'),
    },
    {
      title: 'STREAMS',
      width: 7,
      rank: 8,
      right: true,
      cell: ({ actor: { vitals } }) => String(vitals?.stats.streams.open ?? '-'),
    },
    {
      title: 'ITEMS/S',
      width: 7,
      rank: 12,
      right: true,
      cell: ({ actor: { rates } }) => showRate(rates && rates.itemsIn + rates.itemsOut),
    },
    {
      title: 'CPU',
      width: 5,
      rank: 5,
      right: true,
      cell: ({ actor: { vitals } }) => showShare(vitals?.cpu.share ?? undefined),
    },
    {
      title: 'MEMORY',
      width: 7,
      rank: 6,
      right: true,
      cell: ({ actor: { vitals } }) => (vitals === undefined ? '-' : showBytes(vitals.memory.rssBytes)),
    },
    {
      title: 'LOOP',
      width: 7,
      rank: 13,
      right: true,
      cell: ({ actor: { vitals } }) => showSome(vitals?.eventLoop.delayMs?.p99),
    },
    { title: 'RTT', width: 7, rank: 7, right: true, cell: ({ actor }) => (isRoot(actor) ? showSome(actor.rttMs) : '') },
    { title: 'RESTARTS', width: 8, rank: 14, right: true, cell: restartsCell },
    {
      title: 'UP',
      width: 10,
      rank: 15,
      right: true,
      cell: ({ actor }) => showMs(Math.max(0, now - actor.member.incarnation)),
    },
    { title: 'ID', width: 8, rank: 16, cell: ({ actor }) => span(shortId(actor.member.id), 'dim') },
    { title: 'HOST', width: 12, rank: 17, cell: ({ actor: { vitals } }) => visible(vitals?.host ?? '') },
    { title: 'VERSION', width: 8, rank: 18, cell: ({ actor: { member } }) => visible(member.version ?? '') },
    {
      title: 'TAGS',
      width: 16,
      rank: 19,
      cell: ({ actor: { member } }) =>
        visible([...member.tags, ...member.groups.map((group) => `@${group}`)].join(' ')),
    },
  ]
}

function nameCell({ actor, depth, hidden }: ActorRow): Span {
  const { member, arbiter } = actor
  const more = hidden === 0 ? '' : ` +${hidden}`
  const name = `${'  '.repeat(depth)}${depth === 0 ? '' : '└ '}${arbiter ? '*' : ''}${visible(member.name)}${more}`
  return span(name, member.parent === null ? 'strong' : 'plain')
}

function failedCell({ actor: { rates } }: ActorRow): Span {
  const text = showRate(rates?.failed)
  return span(text, (rates?.failed ?? 0) > 0 ? 'bad' : 'plain')
}

function restartsCell({ actor: { vitals } }: ActorRow): Span {
  const restarts = vitals?.children.restarts ?? 0
  return span(restarts === 0 ? '' : String(restarts), 'warn')
}

function isRoot({ member }: ActorRow['actor']): boolean {
  return member.parent === null
}

export function showUs(us: number | undefined): string {
  return us === undefined ? '-' : showMs(us / 1_000)
}

function showSome(ms: number | null | undefined): string {
  return ms === undefined || ms === null ? '-' : showMs(ms)
}
