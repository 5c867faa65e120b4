import type { BytesListener, PartsSender, SENDS_PARTS, TAKES_BYTES } from './on-bytes.ts'

/** Bytes in parts, as libp2p's buffers keep them. */
export interface ByteList extends Iterable<Uint8Array> {
  readonly byteLength: number
  append(bytes: Uint8Array): void
  consume(bytes: number): void
  subarray(): Uint8Array
}

export type Bytes = Uint8Array | ByteList

/** What libp2p's connections and streams share (`AbstractMessageStream` of @libp2p/utils). */
interface MessageStream {
  status: string
  readStatus: string
  writeStatus: string
  remoteWriteStatus: string
  writableNeedsDrain: boolean
  sendingData: boolean
  readonly readBuffer: ByteList
  readonly writeBuffer: ByteList
  listenerCount(event: string): number
  send(data: Bytes): boolean
  onData(data: Bytes): void
  abort(error: Error): void
}

/** A TCP or unix socket as a connection (`TCPSocketMultiaddrConnection` of @libp2p/tcp). */
export interface SocketConnection extends MessageStream {
  readonly socket: {
    write(bytes: Uint8Array, onWritten?: (error?: Error | null) => void): boolean
    cork(): void
    uncork(): void
  }
}

/** The encrypted connection over it (`EncryptedMessageStream` of @libp2p/noise). */
export interface NoiseConnection extends MessageStream {
  readonly stream: SocketConnection
  readonly handshake: {
    encrypt(plaintext: unknown): unknown
    decrypt(ciphertext: unknown, target?: Uint8Array): unknown
  }
  readonly decoder: { readonly buffer: ByteList }
  readonly metrics: unknown
  sendData(data: ByteList): { sentBytes: number; canSendMore: boolean }
}

export interface FrameHeader {
  readonly type: number
  readonly flag: number
  readonly streamID: number
  readonly length: number
}

/** The multiplexer over that (`YamuxMuxer` of @libp2p/yamux). */
export interface Muxer {
  status: string
  readonly decoder: { readonly buffer: ByteList }
  readonly streams: readonly { readonly streamId: number; onMuxerNeedsDrain(): void }[]
  readonly streamOptions: { readonly maxStreamWindowSize: number }
  onData(data: Bytes): void
  handleFrame(frame: { header: FrameHeader; data?: Bytes }): void
  _newStream(id: number, state: number, direction: string): MuxedStream
  abort(error: Error): void
}

/** One of its streams (`YamuxStream`). */
export interface MuxedStream extends MessageStream {
  readonly streamId: number
  readonly state: number
  sendWindowCapacity: number
  recvWindow: number
  recvWindowCapacity: number
  sendWindowUpdate(): void
  handleWindowUpdate(frame: { header: FrameHeader }): void
  handleData(frame: { header: FrameHeader; data: Bytes }): void
  addEventListener(event: 'close', listener: () => void): void
  [TAKES_BYTES]?: BytesListener | undefined
  [SENDS_PARTS]?: PartsSender | undefined
}

type Shape = 'string' | 'number' | 'boolean' | 'function' | 'object'
type Shapes = Readonly<Record<string, Shape>>

const BYTE_LIST: Shapes = { byteLength: 'number', append: 'function', consume: 'function', subarray: 'function' }
const MESSAGE_STREAM: Shapes = {
  status: 'string',
  readStatus: 'string',
  writeStatus: 'string',
  remoteWriteStatus: 'string',
  writableNeedsDrain: 'boolean',
  sendingData: 'boolean',
  readBuffer: 'object',
  writeBuffer: 'object',
  listenerCount: 'function',
  send: 'function',
  onData: 'function',
  abort: 'function',
}
const NOISE: Shapes = {
  ...MESSAGE_STREAM,
  stream: 'object',
  handshake: 'object',
  decoder: 'object',
  sendData: 'function',
}
const MUXER: Shapes = {
  status: 'string',
  decoder: 'object',
  streams: 'object',
  streamOptions: 'object',
  onData: 'function',
  handleFrame: 'function',
  _newStream: 'function',
  abort: 'function',
}
const MUXED_STREAM: Shapes = {
  ...MESSAGE_STREAM,
  streamId: 'number',
  state: 'number',
  sendWindowCapacity: 'number',
  recvWindow: 'number',
  recvWindowCapacity: 'number',
  sendWindowUpdate: 'function',
  handleWindowUpdate: 'function',
  handleData: 'function',
  addEventListener: 'function',
}

/**
 * The first private field of a connection and its multiplexer that is not there or has another shape, as in
 * `noise.handshake.encrypt`; nothing when the fast path may use them.
 */
export function missingField(noise: unknown, muxer: unknown): string | undefined {
  const of = fields
  return (
    of('noise', noise, NOISE) ??
    of('noise.readBuffer', (noise as NoiseConnection).readBuffer, BYTE_LIST) ??
    of('noise.writeBuffer', (noise as NoiseConnection).writeBuffer, BYTE_LIST) ??
    of('noise.handshake', (noise as NoiseConnection).handshake, { encrypt: 'function', decrypt: 'function' }) ??
    of('noise.decoder', (noise as NoiseConnection).decoder, { buffer: 'object' }) ??
    of('noise.decoder.buffer', (noise as NoiseConnection).decoder.buffer, BYTE_LIST) ??
    // counted per packet by code that the fast path passes by
    ((noise as NoiseConnection).metrics === undefined ? undefined : 'noise.metrics') ??
    of('noise.stream', (noise as NoiseConnection).stream, { ...MESSAGE_STREAM, socket: 'object' }) ??
    of('noise.stream.readBuffer', (noise as NoiseConnection).stream.readBuffer, BYTE_LIST) ??
    of('noise.stream.writeBuffer', (noise as NoiseConnection).stream.writeBuffer, BYTE_LIST) ??
    of('noise.stream.socket', (noise as NoiseConnection).stream.socket, {
      write: 'function',
      cork: 'function',
      uncork: 'function',
    }) ??
    of('muxer', muxer, MUXER) ??
    of('muxer.decoder', (muxer as Muxer).decoder, { buffer: 'object' }) ??
    of('muxer.decoder.buffer', (muxer as Muxer).decoder.buffer, BYTE_LIST) ??
    of('muxer.streams', (muxer as Muxer).streams, { some: 'function' }) ??
    of('muxer.streamOptions', (muxer as Muxer).streamOptions, { maxStreamWindowSize: 'number' })
  )
}

/** The same for one stream of the multiplexer. */
export function missingStreamField(stream: unknown): string | undefined {
  return (
    fields('stream', stream, MUXED_STREAM) ??
    fields('stream.readBuffer', (stream as MuxedStream).readBuffer, BYTE_LIST) ??
    fields('stream.writeBuffer', (stream as MuxedStream).writeBuffer, BYTE_LIST)
  )
}

function fields(name: string, value: unknown, shapes: Shapes): string | undefined {
  if (typeof value !== 'object' || value === null) return name
  for (const [field, shape] of Object.entries(shapes)) {
    const found = (value as Record<string, unknown>)[field]
    if (typeof found !== shape || found === null) return `${name}.${field}`
  }
  return undefined
}
