import type { Ban } from './ban.ts'
import type { Event } from './core/effect.ts'

/** What the shell sees that the core is not told in these words. */
type ShellEvent =
  /** The discovery stream to a neighbour is up, or its last one is gone. */
  | { readonly type: 'linkUp' | 'linkDown'; readonly peerId: string }
  /** A peer broke a protocol, of discovery or of calls. */
  | { readonly type: 'breach'; readonly peerId: string; readonly why: string }
  /** A root that was dialled has none of the secrets of this actor, or is none of the mesh. */
  | { readonly type: 'strange'; readonly peerId: string; readonly addrs: readonly string[] }
  /** A member was banned, or the ban was taken back. */
  | { readonly type: 'banned' | 'unbanned'; readonly ban: Ban }
  /** The secret of the mesh has changed. */
  | { readonly type: 'rotated'; readonly epoch: number; readonly by: { readonly id: string; readonly name: string } }

/** Everything that can be heard of in the discovery layer. */
export type Observation = Event | ShellEvent
