import { Neighbours } from '../../../discovery/neighbours.ts'
import { encode } from '../../../rpc/codec.ts'

/** What a frame, yamux and noise put around a message, in bytes: 4 + 12 + 18; the simulator counts the same. */
const FRAMING = 34

/** What this process has sent to its neighbours in discovery. */
export interface Talk {
  readonly messages: number
  readonly bytes: number
}

type Send = (this: Neighbours, peer: string, message: unknown) => void

let messages = 0
let bytes = 0

/** Counts every message of discovery from now on; what travels is not changed. */
export function countTalk(): void {
  const plain = Object.getOwnPropertyDescriptor(Neighbours.prototype, 'send')?.value as Send
  Neighbours.prototype.send = function send(this: Neighbours, peer: string, message: unknown): void {
    messages++
    bytes += encode(message).length + FRAMING
    plain.call(this, peer, message)
  }
}

export function talkSoFar(): Talk {
  return { messages, bytes }
}
