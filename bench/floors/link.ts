import { decode, encode } from './codec.ts'

const HEADER_BYTES = 4

/** Frames between the two ends of a floor, with no more around them than it takes to tell one from the next. */
export interface Link {
  onFrame: ((frame: unknown) => void) | undefined
  /** Queues a frame for the end of this microtask. */
  send(frame: unknown): void
  /** Resolves when there is room for more; gives nothing when there is room now. */
  drained(): Promise<void> | undefined
}

/** What a {@link FrameLink} needs of the bytes below it. */
export interface ByteWire {
  /** False asks for a pause until `onDrain`. */
  write(bytes: Uint8Array): boolean
  onData: ((bytes: Uint8Array) => void) | undefined
  onDrain: (() => void) | undefined
}

/** Frames of msgpack with a four-byte length over bytes; all frames of one microtask leave in one write. */
export class FrameLink implements Link {
  onFrame: ((frame: unknown) => void) | undefined
  readonly #wire: ByteWire
  #batch: Uint8Array[] = []
  #batchBytes = 0
  #drained: PromiseWithResolvers<void> | undefined
  #chunks: Uint8Array[] = []
  #chunkBytes = 0
  #needed = HEADER_BYTES

  constructor(wire: ByteWire) {
    this.#wire = wire
    wire.onData = (bytes) => this.#receive(bytes)
    wire.onDrain = () => {
      this.#drained?.resolve()
      this.#drained = undefined
    }
  }

  send(frame: unknown): void {
    const body = encode(frame)
    this.#batchBytes += HEADER_BYTES + body.byteLength
    if (this.#batch.push(body) === 1) queueMicrotask(() => this.#flush())
  }

  drained(): Promise<void> | undefined {
    return this.#drained?.promise
  }

  #flush(): void {
    const bytes = Buffer.allocUnsafe(this.#batchBytes)
    let at = 0
    for (const body of this.#batch) {
      at = bytes.writeUInt32BE(body.byteLength, at)
      bytes.set(body, at)
      at += body.byteLength
    }
    this.#batch = []
    this.#batchBytes = 0
    if (!this.#wire.write(bytes)) this.#drained ??= Promise.withResolvers<void>()
  }

  #receive(bytes: Uint8Array): void {
    this.#chunks.push(bytes)
    this.#chunkBytes += bytes.byteLength
    if (this.#chunkBytes < this.#needed) return
    const data = this.#chunks.length === 1 ? bytes : Buffer.concat(this.#chunks, this.#chunkBytes)
    const rest = this.#parse(data)
    this.#chunks = rest.byteLength === 0 ? [] : [rest]
    this.#chunkBytes = rest.byteLength
  }

  #parse(data: Uint8Array): Uint8Array {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
    let at = 0
    for (;;) {
      const left = data.byteLength - at
      this.#needed = HEADER_BYTES
      if (left < HEADER_BYTES) break
      this.#needed += view.getUint32(at)
      if (left < this.#needed) break
      const end = at + this.#needed
      this.onFrame?.(decode(data.subarray(at + HEADER_BYTES, end)))
      at = end
    }
    return data.subarray(at)
  }
}
