/** Bytes from which on memory that nobody reads any more is given back at once. */
export const RELEASE_FROM_BYTES = 4 * 1024

/**
 * Frees the memory of an array that nobody reads any more, and that shares it with no other array.
 *
 * V8 collects its whole heap each time some 64 MB of such memory have piled up outside of it: at the speed of bulk that
 * took a third of the receiver's time.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (bytes.byteLength < RELEASE_FROM_BYTES || bytes.byteLength !== buffer.byteLength) return
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
