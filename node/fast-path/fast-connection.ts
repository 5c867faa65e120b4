import { partsOf } from './ciphers.ts'
import { DATA, HEADER_BYTES, MuxDecoder, WINDOW_UPDATE, writeHeader } from './mux-decoder.ts'
import { NoiseDecoder } from './noise-decoder.ts'
import { type BytesListener, SENDS_PARTS, TAKES_BYTES } from './on-bytes.ts'
import {
  type ByteList,
  type Bytes,
  type FrameHeader,
  type MuxedStream,
  type Muxer,
  missingStreamField,
  type NoiseConnection,
  type SocketConnection,
} from './private-fields.ts'
import { release } from './release.ts'
import { seal } from './sealer.ts'
import { ESTABLISHED, PAUSED, updateWindowByHalves } from './window-policy.ts'

const SYN = 1
const SESSION = 0
const YAMUX_PROTOCOL_ERROR = 1

/** A peer broke yamux in a way that the stock decoder would only see after it had read the frame to its end. */
class FrameTooLarge extends Error {
  override readonly name = 'InvalidFrameError'
  readonly reason = YAMUX_PROTOCOL_ERROR
}

/**
 * Takes a connection's bytes past the layers of events between socket and streams.
 *
 * What it does not know (new streams, ends, resets, pings) goes to the stock methods, and so does everything while any
 * layer holds bytes of its own: order is kept because the fast path is taken only when all of them are empty.
 */
export class FastConnection {
  readonly #socket: SocketConnection
  readonly #noise: NoiseConnection
  readonly #muxer: Muxer
  readonly #streams = new Map<number, MuxedStream>()
  readonly #noiseDecoder: NoiseDecoder
  readonly #muxDecoder: MuxDecoder
  readonly #onMissing: (field: string) => void
  readonly #stockReceive: SocketConnection['onData']
  readonly #header = new Uint8Array(HEADER_BYTES)
  /** Whether the bytes of the receiving side pass here; false while a layer below holds some. */
  #receiving = false

  /** @param onMissing told once for each stream that has to run stock, with the field that it lacks */
  constructor(noise: NoiseConnection, muxer: Muxer, onMissing: (field: string) => void) {
    this.#socket = noise.stream
    this.#noise = noise
    this.#muxer = muxer
    this.#onMissing = onMissing
    this.#noiseDecoder = new NoiseDecoder(noise.handshake, (bytes) => this.#receivePlaintext(bytes))
    this.#muxDecoder = new MuxDecoder({
      onDataHeader: (header) => this.#onDataHeader(header),
      onFrame: (header, data) => this.#onFrame(header, data),
      onBadHeader: (header) => muxer.onData(header),
      goesOn: () => noise.readStatus === 'readable',
    })
    this.#stockReceive = this.#socket.onData.bind(this.#socket)
    this.#socket.onData = (data) => this.#receive(data)
    noise.sendData = (data) => this.#sendData(data)
    const stockNewStream = muxer._newStream.bind(muxer)
    muxer._newStream = (...args) => this.#adopt(stockNewStream(...args))
  }

  #adopt(stream: MuxedStream): MuxedStream {
    const missing = missingStreamField(stream)
    if (missing !== undefined) {
      this.#onMissing(missing)
      return stream
    }
    updateWindowByHalves(stream)
    const stockSend = stream.send.bind(stream)
    stream.send = (data) => this.#send(stream, partsOf(data), data.byteLength) ?? stockSend(data)
    stream[SENDS_PARTS] = (parts, bytes) => this.#send(stream, parts, bytes)
    this.#streams.set(stream.streamId, stream)
    stream.addEventListener('close', () => this.#streams.delete(stream.streamId))
    return stream
  }

  // sending

  /** Sends a data frame of an established stream; gives nothing when that is the stock path's to do. */
  #send(stream: MuxedStream, parts: readonly Uint8Array[], length: number): boolean | undefined {
    if (length === 0 || length > stream.sendWindowCapacity) return undefined
    if (stream.state !== ESTABLISHED && stream.state !== PAUSED) return undefined
    if (!isIdle(stream) || !isIdle(this.#noise) || !isIdle(this.#socket) || this.#muxer.status !== 'open')
      return undefined
    writeHeader(this.#header, { type: DATA, flag: 0, streamID: stream.streamId, length })
    let sealed: Uint8Array[]
    try {
      sealed = seal(this.#noise.handshake, [this.#header, ...parts], HEADER_BYTES + length)
    } catch {
      // The stock path meets the same error, with nothing sent, and ends the connection over it.
      return undefined
    }
    stream.sendWindowCapacity -= length
    if (this.#write(sealed)) return true
    this.#noise.writableNeedsDrain = true
    for (const one of this.#muxer.streams) one.onMuxerNeedsDrain()
    return false
  }

  /** What the stock path sends, window updates and what had to wait: encrypted and written as the fast path does. */
  #sendData(data: ByteList): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = data.byteLength
    const sealed = seal(this.#noise.handshake, partsOf(data), sentBytes)
    if (isIdle(this.#socket)) return { sentBytes, canSendMore: this.#write(sealed) }
    let canSendMore = true
    for (const part of sealed) canSendMore = this.#socket.send(part)
    return { sentBytes, canSendMore }
  }

  #write(parts: readonly Uint8Array[]): boolean {
    const { socket } = this.#socket
    const last = parts.length - 1
    let canSendMore: boolean
    if (last === 0) {
      canSendMore = socket.write(parts[0]!)
    } else {
      socket.cork()
      for (let i = 0; i < last; i++) socket.write(parts[i]!)
      // parts are written in order, and only the sealer had the memory of these
      canSendMore = socket.write(parts[last]!, (error) => {
        if (!error) for (const part of parts) release(part)
      })
      socket.uncork()
    }
    if (!canSendMore) this.#socket.writableNeedsDrain = true
    return canSendMore
  }

  // receiving

  #receive(data: Bytes): void {
    if (!this.#receiving && !this.#takeOver()) {
      this.#stockReceive(data)
      return
    }
    const read = data instanceof Uint8Array ? data : data.subarray()
    try {
      const left = this.#socket.readStatus === 'readable' ? this.#noiseDecoder.push(read) : read
      if (left !== undefined) this.#handBack(left)
    } catch (error) {
      this.#noise.abort(error as Error)
    }
  }

  /** Starts to receive with what the stock decoders hold of frames whose rest is to come. */
  #takeOver(): boolean {
    if (!isOpenAndEmpty(this.#socket) || !isOpenAndEmpty(this.#noise)) return false
    this.#receiving = true
    const plaintext = drain(this.#muxer.decoder.buffer)
    if (plaintext !== undefined) this.#receivePlaintext(plaintext)
    const ciphertext = drain(this.#noise.decoder.buffer)
    if (ciphertext !== undefined) this.#receive(ciphertext)
    return this.#receiving
  }

  /** Leaves receiving to the stock path: the connection was paused, or is closed. */
  #handBack(left: Uint8Array): void {
    this.#receiving = false
    fill(this.#muxer.decoder.buffer, this.#muxDecoder.takePartial())
    fill(this.#noise.decoder.buffer, this.#noiseDecoder.takePartial())
    if (left.byteLength > 0) this.#stockReceive(left)
  }

  #receivePlaintext(bytes: Uint8Array): boolean {
    let left: Uint8Array | undefined = bytes
    if (this.#noise.readStatus === 'readable') {
      try {
        left = this.#muxDecoder.push(bytes)
      } catch (error) {
        this.#muxer.abort(error as Error)
        this.#noise.abort(error as Error)
        return false
      }
      const lent = this.#muxDecoder.takeLent()
      if (left === undefined) {
        if (!lent) release(bytes)
        return true
      }
      fill(this.#muxer.decoder.buffer, this.#muxDecoder.takePartial())
    }
    this.#noise.onData(left)
    return false
  }

  #onDataHeader(header: FrameHeader): BytesListener | undefined {
    // throws that data has to belong to a stream
    if (header.streamID === SESSION) this.#muxer.handleFrame({ header })
    const stream = this.#streams.get(header.streamID)
    if (stream !== undefined && header.length > stream.recvWindowCapacity) {
      // throws that the window is exceeded, before the frame's bytes are read
      stream.handleData({ header, data: new Uint8Array() })
    }
    if (stream !== undefined && header.flag === 0 && (stream.state === ESTABLISHED || stream.state === PAUSED))
      return (bytes) => deliver(stream, bytes)
    const largest = this.#muxer.streamOptions.maxStreamWindowSize
    if (header.length > largest)
      throw new FrameTooLarge(`a frame of ${header.length} bytes was announced, above the largest window of ${largest}`)
    const isGone = (header.flag & SYN) === 0 && !this.#muxer.streams.some((one) => one.streamId === header.streamID)
    return isGone ? drop : undefined
  }

  #onFrame(header: FrameHeader, data: Uint8Array | undefined): void {
    if (data !== undefined) {
      this.#muxer.handleFrame({ header, data })
      return
    }
    const stream = header.type === WINDOW_UPDATE && header.flag === 0 ? this.#streams.get(header.streamID) : undefined
    if (stream === undefined) this.#muxer.handleFrame({ header })
    else stream.handleWindowUpdate({ header })
  }
}

/** What was in flight to a stream that is closed, as stock passes over it. */
function drop(): boolean {
  return false
}

function deliver(stream: MuxedStream, bytes: Uint8Array): unknown {
  let lent: unknown = true
  stream.recvWindowCapacity -= bytes.byteLength
  const take = stream[TAKES_BYTES]
  if (
    take !== undefined &&
    isOpenAndEmpty(stream) &&
    stream.remoteWriteStatus === 'writable' &&
    stream.listenerCount('message') === 1
  ) {
    try {
      lent = take(bytes)
    } catch (error) {
      // as an event target does with what a listener throws
      process.nextTick(() => {
        throw error
      })
    }
  } else {
    stream.onData(bytes)
  }
  stream.sendWindowUpdate()
  return lent
}

/** Nothing waits to be sent, and nothing hinders sending. */
function isIdle(layer: MuxedStream | NoiseConnection | SocketConnection): boolean {
  return (
    layer.writeStatus === 'writable' &&
    !layer.writableNeedsDrain &&
    !layer.sendingData &&
    layer.writeBuffer.byteLength === 0
  )
}

function isOpenAndEmpty(layer: MuxedStream | NoiseConnection | SocketConnection): boolean {
  return layer.readStatus === 'readable' && layer.readBuffer.byteLength === 0
}

function drain(buffer: ByteList): Uint8Array | undefined {
  if (buffer.byteLength === 0) return undefined
  const bytes = buffer.subarray()
  buffer.consume(bytes.byteLength)
  return bytes
}

function fill(buffer: ByteList, bytes: Uint8Array): void {
  if (bytes.byteLength > 0) buffer.append(bytes)
}
