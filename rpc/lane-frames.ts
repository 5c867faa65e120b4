import type { FrameStream } from './frame-stream.ts'
import type { FrameWriter } from './frame-writer.ts'
import { CALL, type CallKind, RESULT, type StreamArgument } from './protocol.ts'
import { ValueGraph } from './value-graph.ts'

// Most frames of a lane are calls and results whose values are numbers, texts and the like. They are written and read
// here without arrays and objects in between; whatever looks different goes the general way, through msgpackr and the
// parsers of protocol.ts, and means the same there.

/** First bytes of a CALL of six fields, and of one of eight, whose last one is a trace. */
const PLAIN = 0x96
const TRACED = 0x98
const VALUE = [0xa5, ...Buffer.from('value')]

/** Queues a CALL; gives its size. @throws LimitExceeded when it is above the limit; nothing was sent */
export function sendCall(
  frames: FrameStream,
  id: number,
  functionId: string,
  args: readonly unknown[] | ValueGraph,
  timeoutMs: number,
  kind: CallKind,
  streams?: readonly StreamArgument[],
  limit?: number,
  trace?: string,
): number {
  const writer = frames.begin()
  try {
    writer.array(trace === undefined ? (streams === undefined ? 6 : 7) : 8)
    writer.value(CALL)
    writer.value(id)
    writer.value(functionId)
    writeArgs(writer, args)
    writer.value(timeoutMs)
    writer.value(kind)
    if (streams !== undefined) writer.value(streams)
    else if (trace !== undefined) writer.array(0)
    if (trace !== undefined) writer.value(trace)
  } catch (error) {
    writer.undo()
    throw error
  }
  return frames.end(limit)
}

/** Queues a RESULT; gives its size. @throws LimitExceeded when it is above the limit; nothing was sent */
export function sendResult(frames: FrameStream, id: number, value: unknown, limit?: number): number {
  const writer = frames.begin()
  try {
    writer.array(3)
    writer.value(RESULT)
    writer.value(id)
    writer.value(value)
  } catch (error) {
    writer.undo()
    throw error
  }
  return frames.end(limit)
}

/** Any frame, within a limit of its own. @throws LimitExceeded above it; nothing was sent then */
export function sendFrame(frames: FrameStream, frame: readonly unknown[], limit: number): number {
  const writer = frames.begin()
  try {
    writer.value(frame)
  } catch (error) {
    writer.undo()
    throw error
  }
  return frames.end(limit)
}

/** Together when there are objects among them: msgpackr names the keys of objects that are alike once. */
function writeArgs(writer: FrameWriter, args: readonly unknown[] | ValueGraph): void {
  if (args instanceof ValueGraph) {
    writer.value(args)
    return
  }
  for (let i = 0; i < args.length; i++)
    if (typeof args[i] === 'object' && args[i] !== null) {
      writer.value(args)
      return
    }
  writer.array(args.length)
  for (let i = 0; i < args.length; i++) writer.value(args[i])
}

/** Stands for a value that only msgpackr reads. */
const OTHER = Symbol('other')

let bytes: Uint8Array
let at = 0
let end = 0

/** A RESULT or CALL that was read; one object each lane, to be used before the next frame is read. */
export class LaneFrameReader {
  id = 0
  value: unknown
  functionId = ''
  args: unknown[] = []
  timeoutMs = 0
  trace: string | undefined
  #lastFunction: Uint8Array = new Uint8Array()

  /** Gives false for anything but a RESULT whose value is read here. */
  readResult(source: Uint8Array, from: number, to: number): boolean {
    if (source[from] !== 0x93 || source[from + 1] !== RESULT) return false
    bytes = source
    at = from + 2
    end = to
    const id = read()
    if (!isCount(id)) return false
    const value = read()
    if (value === OTHER || at !== end) return false
    this.id = id
    this.value = value
    return true
  }

  /** Gives false for anything but a CALL of kind `value` whose arguments are read here. */
  readCall(source: Uint8Array, from: number, to: number): boolean {
    const head = source[from]
    if ((head !== PLAIN && head !== TRACED) || source[from + 1] !== CALL) return false
    bytes = source
    at = from + 2
    end = to
    const id = read()
    if (!isCount(id) || !this.#readFunction()) return false
    const count = bytes[at++]! - 0x90
    if (!(count >= 0 && count < 16)) return false
    const args: unknown[] = []
    for (let i = 0; i < count; i++) {
      const arg = read()
      if (arg === OTHER) return false
      args.push(arg)
    }
    const timeoutMs = read()
    if (!isCount(timeoutMs) || at + VALUE.length > end) return false
    for (let i = 0; i < VALUE.length; i++) if (bytes[at + i] !== VALUE[i]) return false
    at += VALUE.length
    this.trace = undefined
    if (head === TRACED && !this.#readTrace()) return false
    if (at !== end) return false
    this.id = id
    this.args = args
    this.timeoutMs = timeoutMs
    return true
  }

  /** Behind an empty list of arguments that stream. */
  #readTrace(): boolean {
    if (bytes[at++] !== 0x90) return false
    const trace = read()
    if (typeof trace !== 'string') return false
    this.trace = trace
    return true
  }

  /** The same function is called many times in a row: its name is compared, and read only when it is another one. */
  #readFunction(): boolean {
    const last = this.#lastFunction
    if (last.length > 0 && at + last.length <= end) {
      let i = 0
      while (i < last.length && bytes[at + i] === last[i]) i++
      if (i === last.length) {
        at += i
        return true
      }
    }
    const start = at
    const name = read()
    if (typeof name !== 'string') return false
    this.functionId = name
    this.#lastFunction = bytes.slice(start, at)
    return true
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** One number, text, boolean, `null` or `undefined`; {@link OTHER} for all else, and for what is cut off. */
function read(): unknown {
  if (at >= end) return OTHER
  const token = bytes[at++]!
  if (token < 0x40) return token
  if (token >= 0xa0 && token < 0xc0) return readText(token - 0xa0)
  if (token >= 0xe0) return token - 0x100
  switch (token) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xcc:
      return readUint(1)
    case 0xcd:
      return readUint(2)
    case 0xce:
      return readUint(4)
    case 0xd9: {
      const length = readUint(1)
      return typeof length === 'number' ? readText(length) : OTHER
    }
    case 0xda: {
      const length = readUint(2)
      return typeof length === 'number' ? readText(length) : OTHER
    }
    case 0xcb:
      return readDouble()
    case 0xd4:
      if (at + 2 > end || bytes[at] !== 0 || bytes[at + 1] !== 0) return OTHER
      at += 2
      return undefined
    default:
      return OTHER
  }
}

function readUint(size: 1 | 2 | 4): number | typeof OTHER {
  if (at + size > end) return OTHER
  let value = 0
  for (let i = 0; i < size; i++) value = value * 0x100 + bytes[at++]!
  return value
}

const double = new DataView(new ArrayBuffer(8))

function readDouble(): number | typeof OTHER {
  if (at + 8 > end) return OTHER
  for (let i = 0; i < 8; i++) double.setUint8(i, bytes[at++]!)
  return double.getFloat64(0)
}

/** Texts of ASCII; others are left to msgpackr. */
function readText(length: number): string | typeof OTHER {
  if (at + length > end) return OTHER
  const start = at
  at += length
  for (let i = start; i < at; i++) if (bytes[i]! > 0x7f) return OTHER
  return latin1.call(bytes, start, at)
}

/** Buffer's own, for bytes of any kind. */
const { latin1Slice: latin1 } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
}
