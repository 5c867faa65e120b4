import type { Event } from './core/effect.ts'

/** What the shell sees that the core is not told in these words. */
type ShellEvent =
  /** The discovery stream to a neighbour is up, or its last one is gone. */
  | { readonly type: 'linkUp' | 'linkDown'; readonly peerId: string }
  /** A peer broke a protocol, of discovery or of calls. */
  | { readonly type: 'breach'; readonly peerId: string; readonly why: string }

/** Everything that can be heard of in the discovery layer. */
export type Observation = Event | ShellEvent
