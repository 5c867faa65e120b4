import { encodeMessage, parseMessage } from '../../discovery/core/messages.ts'
import type { Message } from '../../discovery/core/messages.ts'
import { encode } from '../../rpc/codec.ts'
import { unseal } from './actor.ts'

/** What a frame, yamux and noise put around a message, in bytes: 4 + 12 + 18. */
const framing = 34

const parsed = new WeakMap<Message, Message>()
const sizes = new WeakMap<Message, number>()

/** A message as it is read at the other end; read once, and shared by all who get it. */
export function overTheWire(message: Message): Message {
  let arrived = parsed.get(message)
  if (arrived === undefined) {
    arrived = parseMessage(encodeMessage(message), unseal)
    parsed.set(message, arrived)
  }
  return arrived
}

/** Bytes that a message takes on the wire, in the project's own encoding. */
export function bytesOf(message: Message): number {
  let size = sizes.get(message)
  if (size === undefined) {
    size = encode(encodeMessage(message)).length + framing
    sizes.set(message, size)
  }
  return size
}

/** A message's bytes as a text: equal for equal messages. */
export function keyOf(message: Message): string {
  return Buffer.from(encode(encodeMessage(message))).toString('latin1')
}
