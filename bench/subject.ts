import type { Question } from './instruments.ts'

/** What a stream is made of: small numbers, or pieces of 64 KiB. */
export type Kind = 'items' | 'pieces'

/** Bytes of one piece. */
export const PIECE_BYTES = 64 * 1024
/** A 64-byte argument, as RPC comparisons use. */
export const ARGUMENT = 'x'.repeat(64)

/** What is measured of the lives of actors: milliseconds, or what its row says. */
export type Lifetime = 'warm' | 'thread' | 'many' | 'cancel' | 'reap' | 'idle'

/** What is measured of a mesh of many roots: how soon all of them know of an event. */
export type MeshEvent = 'visible' | 'killed' | 'root' | 'arbiter' | 'frozen'

/** What is measured of hosts: what it costs to come, to call between them, and to lose one. */
export type HostsEvent = 'join' | 'calls' | 'spawn' | 'cut'

/** One way to reach another process, as its caller sees it: greenroom, or a floor. */
export interface Subject {
  /** One call: the value comes back from the other process. */
  echo(value: unknown): Promise<unknown>
  /** A stream from the other process, until `take`, called for each item, gives false; resolves when it has ended. */
  pull(kind: Kind, take: () => boolean): Promise<void>
  /** Asks the other process about itself. */
  ask(question: Question): Promise<number>
  /** Milliseconds of the first call of a new process to the other one: dial, handshake, stream, echo. */
  cold?(): Promise<number>
  /** One number about the lives of actors. */
  lifetime?(what: Lifetime): Promise<number>
  /** A new process: milliseconds from its spawn to its first result, and its resident MB when it idles. */
  spawn?(): Promise<{ ms: number; mb: number }>
}

/** Milliseconds that a new process idles before its memory, or its first call, is measured: its boot is over then. */
export const IDLE_MS = 300
