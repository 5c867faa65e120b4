import type { LogLevel } from '../../index.ts'
import { shortId, showTime, visible } from '../text.ts'
import { actorColumns, showUs } from './actor-columns.ts'
import { flatRows, treeRows } from './actor-rows.ts'
import { detailLines } from './detail.ts'
import { actorOf, eventColumns, eventRows, goneColumns, goneRows, notableRows } from './event-list.ts'
import { footer } from './footer.ts'
import { drawGrid, type GridColumn, type GridRow, rowsThatShow } from './grid.ts'
import { helpLines } from './help.ts'
import { beside, cutLine, fillLine, type Line, rule, span, withEnd } from './line.ts'
import { logLines } from './log-lines.ts'
import { showCount, showRate } from './numbers.ts'
import { chosenRow, type Page, type Row } from './press.ts'
import type { Seen, Size } from './seen.ts'
import { streamColumns, streamRows } from './stream-list.ts'
import { type Tab, TABS, type ViewState } from './view-state.ts'

/** The smallest window that something can be read in. */
const MIN_COLUMNS = 20
const MIN_ROWS = 5
/** From so many columns on, what happens stands beside the tree, not below it. */
const WIDE_COLUMNS = 132
/** Rows from which the tree leaves some to events. */
const ROOMY_ROWS = 12
/** Lines above what the screen is about, and below it. */
const FRAME_ROWS = 3

/** What shows, and what a key that is pressed now is about. */
export interface Screen {
  /** As many as the window has rows, none wider than it. */
  readonly lines: readonly Line[]
  readonly page: Page
}

/** The whole screen: of what there is to see, what a person has chosen, and the size of the window alone. */
export function drawScreen(seen: Seen, view: ViewState, size: Size): Screen {
  const below = (id: string): number => belowOf(id, seen)
  if (size.columns < MIN_COLUMNS || size.rows < MIN_ROWS) {
    const lines = fill([[span(`needs ${MIN_COLUMNS} x ${MIN_ROWS}`)]], size)
    return { lines, page: { rows: [], shown: [], height: 1, length: 0, below } }
  }
  const body = { columns: size.columns, rows: size.rows - FRAME_ROWS }
  const { lines, ...page } = view.helping ? helpBody(body) : drawBody(seen, view, body)
  const whole = [header(seen, view, size.columns), secondLine(seen, view, size.columns), ...fill(lines, body)]
  const screen = fill([...whole, footer(seen, view, chosenRow(view, page) !== undefined, size.columns)], size)
  return { lines: screen, page: { ...page, below } }
}

type Body = { readonly lines: readonly Line[] } & Omit<Page, 'below'>

function helpBody({ columns, rows }: Size): Body {
  return { lines: helpLines(columns, rows), rows: [], shown: [], height: rows, length: 0 }
}

function drawBody(seen: Seen, view: ViewState, size: Size): Body {
  if (view.log !== undefined) {
    const lines = logLines(seen.log, view.log.level, seen.now, size.columns, logLevelOf(view.log.actor.id, seen))
    const end = Math.max(0, lines.length - view.log.back)
    const shown = lines.slice(Math.max(0, end - size.rows), Math.max(end, size.rows))
    return { lines: shown, rows: [], shown: [], height: size.rows, length: lines.length }
  }
  if (view.detail !== undefined) {
    const lines = detailLines(view.detail.actor.id, seen, size.columns)
    const from = Math.max(0, Math.min(view.detail.offset, lines.length - size.rows))
    return { lines: lines.slice(from, from + size.rows), rows: [], shown: [], height: size.rows, length: lines.length }
  }
  if (view.tab !== 'mesh') return drawTab(seen, view, view.tab, size)
  if (size.columns >= WIDE_COLUMNS) return drawWide(seen, view, size)
  if (size.rows < ROOMY_ROWS) return drawTab(seen, view, 'mesh', size)
  const eventCount = Math.max(4, Math.floor(size.rows / 4))
  const top = { columns: size.columns, rows: size.rows - eventCount }
  const tree = drawTab(seen, view, 'mesh', top)
  return { ...tree, lines: [...fill(tree.lines, top), ...eventPane(seen, { ...size, rows: eventCount })] }
}

function logLevelOf(id: string, { model }: Seen): LogLevel | undefined {
  return model.actor(id)?.vitals?.logLevel
}

/** The tree on the left; on the right streams, events and who is gone. */
function drawWide(seen: Seen, view: ViewState, size: Size): Body {
  const left = { columns: Math.floor(size.columns * 0.58), rows: size.rows }
  const right = size.columns - left.columns - 1
  const tree = drawTab(seen, view, 'mesh', left)
  const third = Math.floor(size.rows / 3)
  const panes = [
    ...fill(streamPane(seen, { columns: right, rows: third }), { columns: right, rows: third }),
    ...fill(gonePane(seen, { columns: right, rows: third }), { columns: right, rows: third }),
    ...eventPane(seen, { columns: right, rows: size.rows - 2 * third }),
  ]
  const lines = fill(tree.lines, left).map((line, i) => beside(line, left.columns + 1, panes[i] ?? []))
  const streaming = streamRows(seen.model, '').slice(0, third)
  return { ...tree, lines, shown: [...tree.shown, ...streaming.map(({ value }) => value.at.id)] }
}

function eventPane(seen: Seen, { columns, rows }: Size): Line[] {
  const list = drawGrid(
    eventColumns(seen.model, seen.now),
    notableRows(seen.model),
    { columns, rows },
    undefined,
    'nothing yet',
  )
  return [rule('events', columns), ...list.slice(1)]
}

function streamPane(seen: Seen, { columns, rows }: Size): Line[] {
  const all = streamRows(seen.model, '')
  const list = drawGrid(streamColumns(seen.now), all, { columns, rows: rows - 1 }, undefined, 'none is open')
  return [rule(`${showCount(all.length, 'stream end')} open`, columns), ...list]
}

function gonePane(seen: Seen, { columns, rows }: Size): Line[] {
  const list = drawGrid(goneColumns(seen.now), goneRows(seen.model, ''), { columns, rows }, undefined, 'nobody')
  return [rule('gone', columns), ...list.slice(1)]
}

function drawTab(seen: Seen, view: ViewState, tab: Tab, size: Size): Body {
  const { model, now } = seen
  const list = <T>(
    columns: readonly GridColumn<T>[],
    rows: readonly GridRow<T>[],
    actor: (value: T) => Row['actor'],
    empty: string,
  ): Body => {
    const all = rows.map(({ key, value }) => ({ key, actor: actor(value) }))
    const chosen = chosenRow(view, { rows: all })?.key
    const lines = drawGrid(columns, rows, size, chosen, empty)
    const shown = rowsThatShow(all, size.rows, chosen).flatMap((row) => row.actor?.id ?? [])
    return { lines, rows: all, shown, height: Math.max(1, size.rows - 1), length: rows.length }
  }
  const none = view.filter === '' ? 'nobody is there' : `nothing matches '${visible(view.filter)}': Esc shows all`
  const live = (actor: Row['actor']): Row['actor'] =>
    actor === undefined || model.actor(actor.id) === undefined ? undefined : actor
  switch (tab) {
    case 'mesh':
      return list(actorColumns(now), treeRows(model, view), ({ actor }) => actor.member, none)
    case 'actors':
      return list(actorColumns(now), flatRows(model, view), ({ actor }) => actor.member, none)
    case 'streams':
      return list(streamColumns(now), streamRows(model, view.filter), ({ at }) => at, 'no stream is open')
    case 'events':
      return list(
        eventColumns(model, now),
        eventRows(model, view.filter),
        (event) => live(actorOf(event)),
        'nothing yet',
      )
    case 'gone':
      return list(goneColumns(now), goneRows(model, view.filter), () => undefined, 'nobody is gone')
  }
}

function header({ mesh, model, now }: Seen, { paused }: ViewState, columns: number): Line {
  const roots = model.actors.filter(({ member }) => member.parent === null).length
  const { arbiter } = model
  const rules =
    arbiter === null
      ? span('no arbiter', 'warn')
      : span(
          `arbiter ${visible(arbiter.name) || shortId(arbiter.id)}, term ${arbiter.term}${arbiter.provisional ? ', provisional' : ''}`,
          arbiter.provisional ? 'warn' : 'accent',
        )
  const counts = `${showCount(roots, 'root')}, ${showCount(model.actors.length, 'actor')}`
  const left: Line = [span(visible(mesh), 'strong'), span(`  ${counts}  `), rules]
  return withEnd(left, [span(paused ? 'PAUSED ' : '', 'warn'), span(showTime(now, now).slice(0, 8))], columns)
}

function secondLine(seen: Seen, view: ViewState, columns: number): Line {
  return withEnd(whereLine(view), totals(seen), columns)
}

function whereLine(view: ViewState): Line {
  const { detail, log } = view
  if (view.helping) return [span('help', 'strong')]
  if (log !== undefined)
    return [
      span(`log of ${visible(log.actor.name)} (${shortId(log.actor.id)})`, 'strong'),
      span(` from ${log.level} on${log.back > 0 ? `, ${log.back} lines back` : ''}`),
    ]
  if (detail !== undefined) return [span(`${visible(detail.actor.name)} (${shortId(detail.actor.id)})`, 'strong')]
  const tabs = TABS.flatMap((tab, i): Line => [
    span(i === 0 ? '' : ' '),
    span(tab === view.tab ? `[${i + 1} ${tab}]` : `${i + 1} ${tab}`, tab === view.tab ? 'strong' : 'dim'),
  ])
  const order = view.order === 'age' && !view.reversed ? '' : ` by ${view.order}${view.reversed ? ', reversed' : ''}`
  const filter = view.filter === '' ? '' : ` /${visible(view.filter)}`
  return [...tabs, span(order + filter, 'accent')]
}

/** Of the whole mesh. */
function totals({ model }: Seen): Line {
  let [served, failed, p99Us] = [0, 0, 0]
  for (const { rates } of model.actors) {
    served += rates?.served ?? 0
    failed += rates?.failed ?? 0
    p99Us = Math.max(p99Us, rates?.latency?.p99Us ?? 0)
  }
  return [
    span(`${showRate(served)} calls/s `),
    span(`${showRate(failed)} fail/s `, failed > 0 ? 'bad' : 'plain'),
    span(`p99 ${showUs(p99Us === 0 ? undefined : p99Us)}`),
  ]
}

function belowOf(id: string, { model }: Seen): number {
  const below = Map.groupBy(model.actors, ({ member }) => member.parent)
  const count = (of: string): number => (below.get(of) ?? []).reduce((sum, { member }) => sum + 1 + count(member.id), 0)
  return count(id)
}

function fill(lines: readonly Line[], { columns, rows }: Size): Line[] {
  return Array.from({ length: rows }, (_, i) => cutLine(lines[i] ?? fillLine([], 1), columns))
}
