/** From the bench to a root: start an actor of this name. */
export interface RootTask {
  readonly start: string
}

/** From a root to the bench; times are of the monotonic clock. */
export type RootSaid =
  | { readonly type: 'ready'; readonly id: string }
  | { readonly type: 'started'; readonly id: string; readonly pid: number; readonly at: number }
  /** It heard that an actor is there, or is no more. */
  | { readonly type: 'up' | 'down'; readonly id: string; readonly at: number }
  /** Who the arbiter is, as far as it knows; an empty id while there is none. */
  | { readonly type: 'arbiter'; readonly id: string; readonly at: number }

/** Milliseconds of the machine's monotonic clock, which all its processes share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
