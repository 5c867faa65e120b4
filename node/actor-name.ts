import { inspect } from 'node:util'
import { InvalidArgument } from './errors.ts'

/** Bytes of an actor's name. */
export const MAX_NAME_BYTES = 256

/** @throws InvalidArgument when a name is no string, empty, or longer than {@link MAX_NAME_BYTES} */
export function checkActorName(name: string): void {
  if (typeof name === 'string' && name !== '' && Buffer.byteLength(name) <= MAX_NAME_BYTES) return
  const shown = inspect(name, { depth: 0 }).slice(0, 64)
  throw new InvalidArgument(`an actor's name is a string of 1 to ${MAX_NAME_BYTES} bytes, got ${shown}`)
}
