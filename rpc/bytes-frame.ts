import { noteBuffer } from '../node/young-memory.ts'
import { types } from 'node:util'
import { ITEM, MAX_PIECE_BYTES, PIECE } from './protocol.ts'

/** Bytes of the longest head: an array of two, its type, an extension of up to 4 GiB that is a typed array of bytes. */
export const BYTES_HEAD = 9
/** Bytes from which on it pays to write and read such a frame without the codec; it also needs two bytes of length. */
export const MIN_PLAIN_BYTES = 1024
/** Levels of msgpack in a head. */
const ARRAY_OF_TWO = 0x92
const EXTENSION_16 = 0xc8
const EXTENSION_32 = 0xc9
const TYPED_ARRAY = 0x74
const OF_BYTES = 1

/** Frames that consist of nothing but bytes. */
export type BytesFrameType = typeof ITEM | typeof PIECE

/** Such a frame, whose bytes have memory of their own. */
export interface BytesFrame {
  readonly type: BytesFrameType
  readonly bytes: Uint8Array
  /** Bytes of the frame that go before them. */
  readonly head: number
}

/** The bytes that a value is, if it is nothing else and they are worth a frame without the codec. */
export function plainBytes(value: unknown): Uint8Array | undefined {
  if (!types.isUint8Array(value)) return undefined
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Uint8Array.prototype && prototype !== Buffer.prototype) return undefined
  const { buffer, byteLength } = value
  if (byteLength < MIN_PLAIN_BYTES || byteLength > MAX_PIECE_BYTES - BYTES_HEAD) return undefined
  return types.isArrayBuffer(buffer) && !buffer.resizable && !(Symbol.asyncIterator in value) ? value : undefined
}

/** What goes before the bytes of a frame: together they are what the codec makes of `[type, bytes]`. */
export function bytesHead(type: BytesFrameType, byteLength: number): Uint8Array {
  const size = byteLength + 1
  return size < 0x10000
    ? Uint8Array.of(ARRAY_OF_TWO, type, EXTENSION_16, size >>> 8, size, TYPED_ARRAY, OF_BYTES)
    : Uint8Array.of(ARRAY_OF_TWO, type, EXTENSION_32, size >>> 24, size >>> 16, size >>> 8, size, TYPED_ARRAY, OF_BYTES)
}

/**
 * Memory for a frame of bytes, by its first bytes; nothing when it is another frame, or not as {@link bytesHead} begins it.
 *
 * @param size of the whole frame, of which at least {@link BYTES_HEAD} bytes are there
 */
export function bytesFrame(data: Uint8Array, start: number, size: number): BytesFrame | undefined {
  const type = data[start + 1]
  if (data[start] !== ARRAY_OF_TWO || (type !== ITEM && type !== PIECE) || size > MAX_PIECE_BYTES) return undefined
  const head = data[start + 2] === EXTENSION_16 ? 7 : data[start + 2] === EXTENSION_32 ? 9 : 0
  const byteLength = size - head
  if (head === 0 || byteLength < MIN_PLAIN_BYTES) return undefined
  const expected = bytesHead(type, byteLength)
  if (expected.byteLength !== head) return undefined
  for (let i = 3; i < head; i++) if (data[start + i] !== expected[i]) return undefined
  noteBuffer(byteLength)
  return { type, bytes: new Uint8Array(byteLength), head }
}
