import type { ActorRef } from '../../index.ts'
import { LEVELS } from '../levels.ts'
import { visible } from '../text.ts'
import { type Asking, MAX_FILTER, TABS, type ViewState, WATCH_ORDERS } from './view-state.ts'

/** A row that can be chosen. */
export interface Row {
  readonly key: string
  /** The actor that it is about, when that is there. */
  readonly actor?: ActorRef | undefined
}

/** What was on the screen when a key was pressed. */
export interface Page {
  readonly rows: readonly Row[]
  /** Ids of the actors that are seen. */
  readonly shown: readonly string[]
  /** Rows, or lines, that are seen at a time. */
  readonly height: number
  /** Lines of what is scrolled. */
  readonly length: number
  /** How many actors end with an actor. */
  readonly below: (id: string) => number
}

export interface Pressed {
  readonly view: ViewState
  /** Confirmed twice: to be done. */
  readonly act?: Pick<Asking, 'act' | 'actor'>
}

/**
 * What a key does.
 *
 * @param key a character, or the name of a key: `up`, `pagedown`, `enter`, `escape`, `tab`, `ctrl-c`…
 */
export function press(view: ViewState, key: string, page: Page): Pressed {
  if (key === 'ctrl-c') return { view: { ...view, quitting: true } }
  if (view.asking !== undefined) return answer(view, view.asking, key)
  if (view.typing !== undefined) return { view: type(view, view.typing, key) }
  if (view.helping) return { view: { ...view, helping: false, quitting: key === 'q' } }
  if (key === 'q') return { view: { ...view, quitting: true } }
  if (key === '?' || key === 'h') return { view: { ...view, helping: true } }
  if (key === ' ' || key === 'p') return { view: { ...view, paused: !view.paused } }
  const actor = view.log?.actor ?? view.detail?.actor ?? chosenRow(view, page)?.actor
  if (actor !== undefined && key === 'c') return { view: ask(view, 'cancel', actor, page) }
  if (actor !== undefined && key === 'X') return { view: ask(view, 'kill', actor, page) }
  if (view.log !== undefined) return { view: inLog(view, view.log, key, page) }
  if (actor !== undefined && key === 'l') return { view: { ...view, log: { actor, level: 'trace', back: 0 } } }
  if (view.detail !== undefined) return { view: inDetail(view, view.detail, key, page) }
  return { view: inList(view, key, page) }
}

/** The row that is chosen: the first when that of before is gone. */
export function chosenRow({ tab, chosen }: ViewState, { rows }: Pick<Page, 'rows'>): Row | undefined {
  return rows.find(({ key }) => key === chosen[tab]) ?? rows[0]
}

function ask(view: ViewState, act: Asking['act'], actor: ActorRef, page: Page): ViewState {
  return { ...view, asking: { act, actor, below: page.below(actor.id), asked: 1 } }
}

/** The first question takes y, the second one a capital Y: a key that repeats itself answers one of them alone. */
function answer(view: ViewState, asking: Asking, key: string): Pressed {
  if (asking.asked === 1 && key === 'y') return { view: { ...view, asking: { ...asking, asked: 2 } } }
  if (asking.asked === 2 && key === 'y') return { view }
  const { act, actor } = asking
  const calm = { ...view, asking: undefined }
  return asking.asked === 2 && key === 'Y' ? { view: calm, act: { act, actor } } : { view: calm }
}

function type(view: ViewState, typed: string, key: string): ViewState {
  if (key === 'enter') return { ...view, typing: undefined }
  if (key === 'escape') return { ...view, typing: undefined, filter: '' }
  const filter =
    key === 'backspace'
      ? Array.from(typed).slice(0, -1).join('')
      : Array.from(key).length === 1
        ? typed + visible(key)
        : typed
  return filter.length > MAX_FILTER ? view : { ...view, typing: filter, filter }
}

function inLog(view: ViewState, log: NonNullable<ViewState['log']>, key: string, page: Page): ViewState {
  const most = Math.max(0, page.length - page.height)
  const back = (by: number): ViewState => ({ ...view, log: { ...log, back: clamp(log.back + by, most) } })
  switch (key) {
    case 'escape':
    case 'left':
    case 'backspace':
      return { ...view, log: undefined }
    case 'up':
    case 'k':
      return back(1)
    case 'down':
    case 'j':
      return back(-1)
    case 'pageup':
      return back(page.height)
    case 'pagedown':
      return back(-page.height)
    case 'home':
    case 'g':
      return back(most)
    case 'end':
    case 'G':
    case 'f':
      return back(-most)
    case 'v': {
      const level = LEVELS[(LEVELS.indexOf(log.level) + 1) % (LEVELS.length - 1)] ?? 'trace'
      return { ...view, log: { ...log, level, back: 0 } }
    }
    default:
      return view
  }
}

function inDetail(view: ViewState, detail: NonNullable<ViewState['detail']>, key: string, page: Page): ViewState {
  if (key === 'escape' || key === 'left' || key === 'backspace') return { ...view, detail: undefined }
  const most = Math.max(0, page.length - page.height)
  const to = moved(detail.offset, key, page.height, most)
  return to === undefined ? view : { ...view, detail: { ...detail, offset: to } }
}

function inList(view: ViewState, key: string, page: Page): ViewState {
  const { rows } = page
  const tab = TABS[Number(key) - 1]
  if (tab !== undefined) return { ...view, tab }
  const row = chosenRow(view, page)
  const at = row === undefined ? 0 : rows.indexOf(row)
  const to = moved(at, key, page.height, rows.length - 1)
  if (to !== undefined) {
    const next = rows[to]
    return next === undefined ? view : { ...view, chosen: { ...view.chosen, [view.tab]: next.key } }
  }
  const turn = (by: number): ViewState => ({
    ...view,
    tab: TABS[(TABS.indexOf(view.tab) + by + TABS.length) % TABS.length]!,
  })
  switch (key) {
    case 'tab':
      return turn(1)
    case 'backtab':
      return turn(-1)
    case 'enter':
      return row?.actor === undefined ? view : { ...view, detail: { actor: row.actor, offset: 0 } }
    case 'left':
    case 'right':
      return fold(view, row, key === 'left')
    case 's':
      return { ...view, order: WATCH_ORDERS[(WATCH_ORDERS.indexOf(view.order) + 1) % WATCH_ORDERS.length]! }
    case 'r':
      return { ...view, reversed: !view.reversed }
    case '/':
      return { ...view, typing: view.filter }
    case 'escape':
      return { ...view, filter: '' }
    default:
      return view
  }
}

function fold(view: ViewState, row: Row | undefined, close: boolean): ViewState {
  if (view.tab !== 'mesh' || row === undefined) return view
  const others = view.folded.filter((id) => id !== row.key)
  return { ...view, folded: close ? [...others, row.key] : others }
}

function moved(at: number, key: string, height: number, last: number): number | undefined {
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    pageup: -height,
    pagedown: height,
    home: -Infinity,
    g: -Infinity,
    end: Infinity,
    G: Infinity,
  }
  const step = Object.hasOwn(steps, key) ? steps[key] : undefined
  return step === undefined ? undefined : clamp(at + step, last)
}

function clamp(value: number, most: number): number {
  return Math.max(0, Math.min(most, value))
}
