import type { ActorRef, LogLevel } from '../../index.ts'
import { TOP_ORDERS } from '../top-orders.ts'

/** What the screen can be about, in the order of the keys 1 to 5. */
export const TABS = ['mesh', 'actors', 'streams', 'events', 'gone'] as const
export type Tab = (typeof TABS)[number]

/** By what actors are sorted; `age` has the oldest first. */
export const WATCH_ORDERS = ['age', 'name', ...TOP_ORDERS] as const
export type WatchOrder = (typeof WATCH_ORDERS)[number]

/** Characters of a filter. */
export const MAX_FILTER = 64

/** An act that waits until it was confirmed twice. */
export interface Asking {
  readonly act: 'cancel' | 'kill'
  readonly actor: ActorRef
  /** Actors below it, which end with it. */
  readonly below: number
  readonly asked: 1 | 2
}

/** What a person has chosen to see; plain data. */
export interface ViewState {
  readonly tab: Tab
  /** Key of the row that is chosen in each tab. */
  readonly chosen: Readonly<Partial<Record<Tab, string>>>
  /** Ids of actors whose children are not shown in the tree. */
  readonly folded: readonly string[]
  readonly order: WatchOrder
  readonly reversed: boolean
  readonly filter: string
  /** What is typed as a filter; undefined when nothing is being typed. */
  readonly typing: string | undefined
  /** The one actor that is looked at, and lines that were scrolled. */
  readonly detail: { readonly actor: ActorRef; readonly offset: number } | undefined
  /** The actor whose log is followed; `back` lines before its end, 0 follows. */
  readonly log: { readonly actor: ActorRef; readonly level: LogLevel; readonly back: number } | undefined
  readonly asking: Asking | undefined
  readonly helping: boolean
  /** What shows stands still. */
  readonly paused: boolean
  readonly quitting: boolean
}

export const START: ViewState = {
  tab: 'mesh',
  chosen: {},
  folded: [],
  order: 'age',
  reversed: false,
  filter: '',
  typing: undefined,
  detail: undefined,
  log: undefined,
  asking: undefined,
  helping: false,
  paused: false,
  quitting: false,
}
