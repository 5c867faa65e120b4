import { GreenroomError } from '../../node/errors.ts'
import { show } from '../show.ts'
import type { Token } from './token.ts'

/** A message that was refused, with the field and the reason; `code` is `BAD_MESSAGE`. */
export class BadMessage extends GreenroomError {
  constructor(message: string) {
    super('BAD_MESSAGE', `bad discovery message: ${message}`)
  }
}

/** An arbiter's token on the wire. */
export function encodeToken({ term, inc, peerId }: Token): unknown[] {
  return [term, inc, peerId]
}

/** Reads what `encodeToken` gave. @throws BadMessage */
export function readToken(value: unknown): Token {
  if (!Array.isArray(value)) throw new BadMessage(`a token is ${show(value)}`)
  const [term, inc, peerId] = value as unknown[]
  return { term: readNumber('term', term), inc: readNumber('inc', inc), peerId: readPeerId('a token', peerId) }
}

/** Reads a whole number from 0. @throws BadMessage */
export function readNumber(field: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new BadMessage(`${field} is ${show(value)}, not a whole number from 0`)
  }
  return value
}

/** Reads a whole number within bounds. @throws BadMessage */
export function readWithin(field: string, value: unknown, least: number, most: number): number {
  const number = readNumber(field, value)
  if (number < least || number > most) throw new BadMessage(`${field} is ${number}, not ${least} to ${most}`)
  return number
}

/** Reads bytes of one length, as a copy. @throws BadMessage */
export function readBytes(field: string, value: unknown, length: number): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new BadMessage(`${field} is ${show(value)}, not bytes`)
  if (value.length !== length) throw new BadMessage(`${field} has ${value.length} bytes instead of ${length}`)
  return new Uint8Array(value)
}

/** Reads true or false. @throws BadMessage */
export function readFlag(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new BadMessage(`${field} is ${show(value)}, not true or false`)
  return value
}

const peerIdLength = 128

/** Reads a peer id: a text of at most 128 characters. @throws BadMessage */
export function readPeerId(field: string, value: unknown): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > peerIdLength) {
    throw new BadMessage(`${field} names ${show(value)} instead of a peer id`)
  }
  return value
}
