import type { Digest } from './fact.ts'

/** "Are you there? This is my digest." */
export interface Probe {
  readonly type: 'probe'
  readonly seq: number
  readonly digest: Digest
}

/** "I am", to a `probe`; or "it is", to a `probeRequest`. `seq` is the one that was asked with. */
export interface Ack {
  readonly type: 'ack'
  readonly seq: number
  readonly digest: Digest
}

/** "I get no answer from that root: do you?" */
export interface ProbeRequest {
  readonly type: 'probeRequest'
  readonly seq: number
  readonly target: string
}

/** "I am here, but get no answer from it either", to a `probeRequest`. */
export interface Nack {
  readonly type: 'nack'
  readonly seq: number
}

/** What roots ask each other to see who is alive. */
export type ProbeMessage = Probe | Ack | ProbeRequest | Nack
