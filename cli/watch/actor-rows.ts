import type { ActorView, HostView, MeshModel } from '../model/mesh-model.ts'
import type { GridRow } from './grid.ts'
import type { ViewState, WatchOrder } from './view-state.ts'

/** An actor in a list. */
export interface ActorRow {
  readonly actor: ActorView
  readonly depth: number
  /** Actors below it that are not shown. */
  readonly hidden: number
}

type Choice = Pick<ViewState, 'filter' | 'order' | 'reversed' | 'folded'>

/** Each root with its tree. Of those that a filter leaves out, the ones above others that it keeps are there all the same. */
export function treeRows(model: MeshModel, choice: Choice): GridRow<ActorRow>[] {
  const hosts = model.hosts()
  const compare = comparing(choice)
  return hosts
    .toSorted((a, b) => compare(a.root, b.root))
    .flatMap((host) => rowsOf(host, choice, compare))
    .map((row) => ({ key: row.actor.member.id, value: row }))
}

function rowsOf(host: HostView, { filter, folded }: Choice, compare: Compare): ActorRow[] {
  const below = Map.groupBy(
    host.actors.slice(1).map(({ actor }) => actor),
    ({ member }) => member.parent,
  )
  const walk = (actor: ActorView, depth: number): { rows: ActorRow[]; count: number } => {
    const children = (below.get(actor.member.id) ?? []).toSorted(compare).map((child) => walk(child, depth + 1))
    const count = children.reduce((sum, one) => sum + one.count, 1)
    const rows = children.flatMap((one) => one.rows)
    if (folded.includes(actor.member.id) && filter === '') return { rows: [{ actor, depth, hidden: count - 1 }], count }
    return { rows: rows.length > 0 || matches(actor, filter) ? [{ actor, depth, hidden: 0 }, ...rows] : [], count }
  }
  return walk(host.root, 0).rows
}

/** All of them, one beside the other. */
export function flatRows(model: MeshModel, choice: Choice): GridRow<ActorRow>[] {
  return model.actors
    .filter((actor) => matches(actor, choice.filter))
    .toSorted(comparing(choice))
    .map((actor) => ({ key: actor.member.id, value: { actor, depth: 0, hidden: 0 } }))
}

/** Whether its name, the end of its id, or what it says of itself has these letters in it. */
export function matches({ member, vitals }: ActorView, filter: string): boolean {
  if (filter === '') return true
  const wanted = filter.toLowerCase()
  const { name, tags, groups, modules, version } = member
  const said = [name, ...tags, ...groups, ...modules, version ?? '', vitals?.host ?? '']
  return member.id.endsWith(filter) || said.some((text) => text.toLowerCase().includes(wanted))
}

type Compare = (a: ActorView, b: ActorView) => number

/** The most of something first, or the first name, or the oldest. */
function comparing({ order, reversed }: Pick<Choice, 'order' | 'reversed'>): Compare {
  const sign = reversed ? -1 : 1
  if (order === 'name') return (a, b) => sign * compareTexts(a.member.name, b.member.name) || byAge(a, b)
  if (order === 'age') return (a, b) => sign * byAge(a, b)
  const measure = MEASURES[order]
  return (a, b) => sign * ((measure(b) ?? -1) - (measure(a) ?? -1)) || byAge(a, b)
}

function byAge(a: ActorView, b: ActorView): number {
  return a.member.incarnation - b.member.incarnation || compareTexts(a.member.id, b.member.id)
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

const MEASURES: Readonly<Record<Exclude<WatchOrder, 'age' | 'name'>, (actor: ActorView) => number | undefined>> = {
  calls: ({ rates }) => rates && rates.served + rates.made,
  failures: ({ rates }) => rates?.failed,
  latency: ({ rates }) => rates?.latency?.p99Us,
  streams: ({ rates }) => rates && rates.itemsIn + rates.itemsOut,
  bytes: ({ rates }) => rates && rates.bytesIn + rates.bytesOut,
  cpu: ({ vitals }) => vitals?.cpu.share ?? undefined,
  memory: ({ vitals }) => vitals?.memory.rssBytes,
  loop: ({ vitals }) => vitals?.eventLoop.delayMs?.p99,
}
