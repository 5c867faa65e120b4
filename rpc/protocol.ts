import { ProtocolError } from '../node/errors.ts'
import type { EncodedFailure } from './error-codec.ts'
import type { FunctionKind } from './exposed.ts'

/** Carries the version: a peer that speaks another one is refused by libp2p's protocol negotiation. */
export const LANE_PROTOCOL = '/greenroom/lane/1'
export const STREAM_PROTOCOL = '/greenroom/stream/1'

/** Frame types of the call lane, first element of each frame; docs/protocol.md has their shapes. */
export const CALL = 1
export const CANCEL = 2
export const CANCEL_ACTOR = 3
export const DESCRIBE = 4
export const STATS = 5
export const KINSHIP = 6
export const RESULT = 16
export const FAILURE = 17
export const LARGE_OUTCOME = 18
export const KINSHIP_BACK = 20
export const REFUSAL = 19

/** Frame types of a call's own stream. */
export const HELLO = 1
export const ITEM = 2
export const CREDIT = 3
export const END = 4
export const STARTED = 5
export const PIECE = 6
export const BROKEN = 7
export const ITEMS = 8

/**
 * What a stream of a call carries, second field of HELLO: the call's own data, arguments or a result that are too large
 * for the lane, or an argument that streams.
 */
export const PART_DATA = 0
export const PART_ARGUMENTS = 1
export const PART_RESULT = 2
export const PART_FIRST_ARGUMENT = 16

/** Bytes of an encoded item from which on it travels in pieces, and of each piece but the last one. */
export const MAX_PIECE_BYTES = 128 * 1024
export const PIECE_BYTES = 64 * 1024
/** Bytes of one encoded value: of an item, of all arguments of a call, of a result. What is larger is streamed. */
export const MAX_VALUE_BYTES = 64 * 1024 * 1024

/** Arguments of one call that may stream. */
export const MAX_STREAM_ARGUMENTS = 16

/**
 * How a call answers: as its function's kind says, over a context in both directions, or with the outcomes of a value call
 * that is passed on to several actors below the callee.
 */
export type CallKind = FunctionKind | 'context' | 'relay'

/** An argument that streams: its place among the arguments, and what the function gets for it. */
export type StreamArgument = readonly [index: number, shape: 'iterable' | 'readable']

/** Function in the callee, and what is left of the caller's deadline in milliseconds (0: none). */
export interface CallRequest {
  readonly id: number
  readonly functionId: string
  /** Null where an argument streams, and null when they are too large for the lane and come on a stream of their own. */
  readonly args: readonly unknown[] | null
  readonly timeoutMs: number
  readonly kind: CallKind
  readonly streams: readonly StreamArgument[]
  /** What a caller that is traced says of it; checked by who wants to go on with it. */
  readonly trace?: unknown
}

/** One exposed function, as `portal.describe()` lists it. */
export interface FunctionDescription {
  readonly id: string
  readonly kind: FunctionKind
}

export type LaneRequest =
  | ({ readonly type: typeof CALL } & CallRequest)
  | { readonly type: typeof CANCEL; readonly id: number; readonly by: string; readonly why: string }
  | { readonly type: typeof CANCEL_ACTOR; readonly id: number; readonly by: string; readonly why: string }
  | { readonly type: typeof DESCRIBE | typeof STATS; readonly id: number }
  | { readonly type: typeof KINSHIP; readonly id: number; readonly proof: unknown }

export type LaneReply =
  | { readonly type: typeof RESULT; readonly id: number; readonly value: unknown }
  | { readonly type: typeof LARGE_OUTCOME; readonly id: number }
  | {
      readonly type: typeof FAILURE
      readonly id: number
      readonly failure: EncodedFailure
      /** The argument whose own failure this is: the function raised what the caller's source had raised. */
      readonly source: number | undefined
    }
  | { readonly type: typeof KINSHIP_BACK; readonly id: number; readonly proof: unknown }
  | { readonly type: typeof REFUSAL; readonly id: number; readonly why: string }

export type StreamFrame =
  | { readonly type: typeof HELLO; readonly id: number; readonly part: number }
  | { readonly type: typeof ITEM; readonly value: unknown }
  | { readonly type: typeof CREDIT; readonly items: number; readonly bytes: number }
  | { readonly type: typeof END; readonly count: number; readonly failed: boolean }
  | { readonly type: typeof STARTED; readonly value: unknown }
  | { readonly type: typeof ITEMS; readonly values: readonly unknown[] }
  | { readonly type: typeof PIECE; readonly piece: Uint8Array; readonly total: number | undefined }
  | { readonly type: typeof BROKEN; readonly failure: EncodedFailure; readonly count: number }

const NO_STREAMS: readonly StreamArgument[] = []
const KINDS: readonly CallKind[] = ['value', 'stream', 'context', 'relay']
/** Characters of a refusal, and of each part of a cancel's reason, that travel. */
export const MAX_WORDS = 4_096

/** @throws ProtocolError when a peer sent something else than a request of the call lane */
export function parseRequest(frame: unknown): LaneRequest {
  const [type, id, a, b, c, d, e, f] = fields(frame)
  if (!isCount(id)) throw new ProtocolError('a lane frame has no request id')
  switch (type) {
    case CALL: {
      const kind = KINDS.find((known) => known === d)
      if (typeof a !== 'string' || (b !== null && !Array.isArray(b)) || !isCount(c) || kind === undefined)
        throw new ProtocolError('a CALL frame has the wrong shape')
      const streams = e === undefined ? NO_STREAMS : streamArguments(e, b?.length ?? Number.MAX_SAFE_INTEGER)
      return { type, id, functionId: a, args: b, timeoutMs: c, kind, streams, trace: f }
    }
    case CANCEL:
    case CANCEL_ACTOR:
      return { type, id, by: words(a), why: words(b) }
    case DESCRIBE:
    case STATS:
      return { type, id }
    case KINSHIP:
      return { type, id, proof: a }
    default:
      throw new ProtocolError(`lane frames of type ${showType(type)} are unknown to this version`)
  }
}

/** @throws ProtocolError when a peer sent something else than a reply of the call lane */
export function parseReply(frame: unknown): LaneReply {
  const [type, id, a, b] = fields(frame)
  if (!isCount(id)) throw new ProtocolError('a lane frame has no request id')
  if (type === RESULT) return { type, id, value: a }
  if (type === LARGE_OUTCOME) return { type, id }
  if (type === FAILURE) return { type, id, failure: a as EncodedFailure, source: isCount(b) ? b : undefined }
  if (type === KINSHIP_BACK) return { type, id, proof: a }
  if (type === REFUSAL) return { type, id, why: words(a) }
  throw new ProtocolError(`lane replies of type ${showType(type)} are unknown to this version`)
}

/** @throws ProtocolError when a peer sent something else than a frame of a call's own stream */
export function parseStreamFrame(frame: unknown): StreamFrame {
  const [type, a, b] = fields(frame)
  switch (type) {
    case ITEM:
    case STARTED:
      return { type, value: a }
    case HELLO:
      if (isCount(a) && (b === undefined || isCount(b))) return { type, id: a, part: b ?? PART_DATA }
      break
    case END:
      if (isCount(a)) return { type, count: a, failed: b === true }
      break
    case ITEMS:
      if (Array.isArray(a) && a.length > 0) return { type, values: a }
      break
    case PIECE:
      if (a instanceof Uint8Array && (b === undefined || isCount(b))) return { type, piece: a, total: b }
      break
    case BROKEN:
      if (isCount(b)) return { type, failure: a as EncodedFailure, count: b }
      break
    case CREDIT:
      if (isCount(a) && isCount(b)) return { type, items: a, bytes: b }
      break
    default:
      throw new ProtocolError(`stream frames of type ${showType(type)} are unknown to this version`)
  }
  throw new ProtocolError(`a stream frame of type ${type} has the wrong shape`)
}

function streamArguments(list: unknown, args: number): readonly StreamArgument[] {
  const isOne = (one: unknown): one is StreamArgument =>
    Array.isArray(one) && isCount(one[0]) && one[0] < args && (one[1] === 'iterable' || one[1] === 'readable')
  if (!Array.isArray(list) || list.length > MAX_STREAM_ARGUMENTS || !list.every(isOne))
    throw new ProtocolError('a CALL frame does not say well which arguments stream')
  if (new Set(list.map(([index]) => index)).size < list.length)
    throw new ProtocolError('a CALL frame names an argument twice that streams')
  return list
}

/** Only a number is shown: the text of what else a peer may send takes minutes to make, or raises. */
function showType(type: unknown): string {
  return typeof type === 'number' ? String(type) : typeof type
}

function fields(frame: unknown): readonly unknown[] {
  if (Array.isArray(frame)) return frame
  throw new ProtocolError('a frame is not an array')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function words(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, MAX_WORDS)
  throw new ProtocolError('a frame has something else where words belong')
}
