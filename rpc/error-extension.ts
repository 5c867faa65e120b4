import { addExtension, type Packr } from 'msgpackr'
import { decodeErrorValue, encodeErrorValue } from './error-codec.ts'
import { ErrorValue, isError } from './error-value.ts'

/** The msgpack extension of errors that are part of a value. */
export const ERROR_EXTENSION = 0x45
/** The one of msgpackr itself: name, message and cause, and no more. */
const PLAIN_ERROR_EXTENSION = 0x65

/** What msgpackr gives to the extensions that write in place. */
interface Room {
  readonly target: Uint8Array
  readonly position: number
}
type Write = (this: Packr, value: unknown, makeRoom: (bytes: number) => Room, pack: (value: unknown) => void) => void

const carriers = new WeakSet<Packr>()

/** Lets an encoder carry errors inside of values, with all that belongs to them. */
export function carryErrors(packr: Packr): void {
  carriers.add(packr)
}

const write: Write = function (value, makeRoom, pack) {
  const tag = (type: number): void => {
    const { target, position } = makeRoom(3)
    target.set([0xd4, type, 0], position)
  }
  if (value instanceof ErrorValue) {
    tag(ERROR_EXTENSION)
    pack(value.thrown)
  } else if (carriers.has(this)) {
    tag(ERROR_EXTENSION)
    pack(encodeErrorValue(value as Error))
  } else {
    // Extensions are the whole process's: for encoders of other libraries everything stays as it is.
    const { name, message, cause } = value as Error
    tag(PLAIN_ERROR_EXTENSION)
    pack([name, message, cause])
  }
}

// Whoever is an error, of whatever realm: msgpackr asks with `instanceof`.
const ErrorLike = { [Symbol.hasInstance]: (value: unknown) => value instanceof ErrorValue || isError(value) }

addExtension({
  Class: ErrorLike,
  type: ERROR_EXTENSION,
  pack: write,
  read: decodeErrorValue,
} as unknown as Parameters<typeof addExtension>[0])
