import type { Metadata } from '../../discovery/metadata.ts'
import { ProtocolError } from '../../node/errors.ts'
import type { LogLevel } from '../../node/log.ts'
import type { EncodedFailure } from '../../rpc/error-codec.ts'
import type { StackPolicy } from '../../rpc/kinship.ts'
import { MAX_WORDS } from '../../rpc/protocol.ts'
import type { ChildMessage, Question } from '../boot-message.ts'
import type { ActorLimits } from '../limits.ts'
import type { StepName } from '../report.ts'
import type { StartMethod } from '../start-method.ts'

/** Carries the version: a peer that speaks another one, or that starts nothing for others, refuses it. */
export const SPAWN_PROTOCOL = '/greenroom/spawn/1'

/** Frame types from the owner, first element of each frame; docs/protocol.md has their shapes. */
export const SPAWN = 1
export const RESUME = 2
export const END = 3
export const BEAT_BACK = 4
export const PASS = 5
/** Frame types from the host. */
export const ACCEPTED = 16
export const REFUSED = 17
export const BEAT = 18
export const TOLD = 19
export const PASSED = 20
export const OUTPUT = 21

/** Characters of the number of a placement, which its owner draws at random. */
export const PLACEMENT_ID_LENGTH = 32
/** Characters of the name of a module. */
export const MAX_MODULE_NAME = 512
/** Modules of an actor on another host. */
export const MAX_PLACED_MODULES = 64
/** Addresses of an actor, or of its owner, that travel. */
export const MAX_PLACED_ADDRESSES = 8
/** Bytes of one piece of output. */
export const MAX_OUTPUT_PIECE = 64 * 1024

/** A module by package and path, as in `some-package/worker.js`, or by a path below the host's directory, as in `./worker.js`. */
export interface ModuleName {
  readonly name: string
  /** What it exposes there; missing when only the host knows. */
  readonly namespace: string | undefined
}

/** What a host is asked to start. */
export interface SpawnOrder {
  /** Whose nursery the actor belongs to; its peer id is that of the stream. */
  readonly owner: { readonly name: string; readonly addresses: readonly string[] }
  readonly name: string
  readonly modules: readonly ModuleName[]
  readonly statespace: Record<string, unknown>
  readonly metadata: Metadata
  readonly logLevel: LogLevel
  readonly graceMs: number
  readonly bootTimeoutMs: number
  readonly limits: ActorLimits
  /** What the actor, those below it, and its owner know of each other. */
  readonly treeKey: Uint8Array
  readonly stacks: StackPolicy
  readonly startMethod: StartMethod
  readonly warmActors: number
  /** The trace that it is started in. */
  readonly trace: string | undefined
  readonly beatMs: number
  readonly lostAfterMs: number
}

/**
 * Why a host does not start an actor, or knows nothing of it: `full` and `leaving` are a reason to ask another one, `module`
 * and `invalid` are the asker's own affair.
 */
export type RefusalCode = 'full' | 'leaving' | 'module' | 'invalid' | 'unknown'
const REFUSAL_CODES: readonly string[] = ['full', 'leaving', 'module', 'invalid', 'unknown'] satisfies RefusalCode[]

/** What becomes of an actor; told in order, and again after a connection was lost, until its owner has heard it. */
export type Told =
  | Extract<ChildMessage, { type: 'ready' | 'bootFailed' | 'crashed' | 'cancelled' }>
  | { readonly type: 'step'; readonly step: StepName; readonly why: string }
  /** The host ends it by itself. */
  | { readonly type: 'givenUp'; readonly why: string }
  | { readonly type: 'exited'; readonly how: string; readonly code: number | null }

export type OwnerFrame =
  /** The order is checked by the host, which says what is wrong with it. */
  | { readonly type: typeof SPAWN; readonly placement: string; readonly order: unknown }
  /** Goes on after a lost connection; `heard` is the number of what was last told. */
  | { readonly type: typeof RESUME; readonly placement: string; readonly heard: number }
  | { readonly type: typeof END; readonly by: string; readonly why: string }
  | { readonly type: typeof BEAT_BACK; readonly beat: number }
  | { readonly type: typeof PASS; readonly message: Asked }

export type HostFrame =
  | { readonly type: typeof ACCEPTED; readonly pid: number }
  | { readonly type: typeof REFUSED; readonly code: RefusalCode; readonly why: string }
  | { readonly type: typeof BEAT; readonly beat: number }
  | { readonly type: typeof TOLD; readonly number: number; readonly event: Told }
  | { readonly type: typeof PASSED; readonly message: Answered }
  | { readonly type: typeof OUTPUT; readonly fd: 1 | 2; readonly bytes: Uint8Array }

/** What an owner asks its actor over the private channel, and what comes back: everything else there is the host's own. */
export type Asked = Question
export type Answered = Extract<ChildMessage, { type: 'described' | 'recalled' | 'observed' | 'heard' }>
const QUESTIONS: readonly string[] = ['describe', 'observe', 'recall', 'taken', 'logLevel'] satisfies Asked['type'][]

/** @throws ProtocolError when an owner sent something else */
export function parseOwnerFrame(frame: unknown): OwnerFrame {
  const [type, a, b] = fields(frame)
  switch (type) {
    case SPAWN:
      return { type, placement: placementId(a), order: b }
    case RESUME:
      return { type, placement: placementId(a), heard: count(b) }
    case END:
      return { type, by: words(a), why: words(b) }
    case BEAT_BACK:
      return { type, beat: count(a) }
    case PASS:
      return { type, message: asked(a) }
    default:
      throw new ProtocolError(`spawn frames of type ${typeof type === 'number' ? type : typeof type} are unknown`)
  }
}

/** @throws ProtocolError when a host sent something else */
export function parseHostFrame(frame: unknown): HostFrame {
  const [type, a, b] = fields(frame)
  switch (type) {
    case ACCEPTED:
      return { type, pid: count(a) }
    case REFUSED:
      return { type, code: REFUSAL_CODES.includes(String(a)) ? (a as RefusalCode) : 'invalid', why: words(b) }
    case BEAT:
      return { type, beat: count(a) }
    case TOLD:
      return { type, number: count(a), event: told(b) }
    case PASSED:
      return { type, message: answered(a) }
    case OUTPUT:
      if ((a === 1 || a === 2) && b instanceof Uint8Array && b.byteLength <= MAX_OUTPUT_PIECE)
        return { type, fd: a, bytes: b }
      throw new ProtocolError('an OUTPUT frame has the wrong shape')
    default:
      throw new ProtocolError(`spawn replies of type ${typeof type === 'number' ? type : typeof type} are unknown`)
  }
}

function told(value: unknown): Told {
  const event = object(value)
  const { type } = event
  switch (type) {
    case 'ready': {
      const { name, id, addresses } = object(event['target'])
      if (!Array.isArray(addresses) || addresses.length > MAX_PLACED_ADDRESSES)
        throw new ProtocolError('an actor has no list of addresses, or too long a one')
      return { type, target: { name: words(name), id: words(id), addresses: addresses.map(words) } }
    }
    case 'bootFailed': {
      const module = event['module'] === undefined ? undefined : words(event['module'])
      return { type, failure: event['failure'] as EncodedFailure, module }
    }
    case 'crashed':
      return { type, failure: event['failure'] as EncodedFailure }
    case 'cancelled':
      return { type, by: words(event['by']), why: words(event['why']) }
    case 'step': {
      const { step } = event
      if (step === 'cancel' || step === 'SIGTERM' || step === 'SIGKILL') return { type, step, why: words(event['why']) }
      break
    }
    case 'givenUp':
      return { type, why: words(event['why']) }
    case 'exited': {
      const { code } = event
      if (code === null || typeof code === 'number') return { type, how: words(event['how']), code }
    }
  }
  throw new ProtocolError('what a host told of an actor has the wrong shape')
}

function asked(value: unknown): Asked {
  const { type, request } = object(value)
  if (!QUESTIONS.includes(String(type))) throw new ProtocolError('this is nothing that an owner asks')
  if (request !== undefined) count(request)
  return value as Asked
}

function answered(value: unknown): Answered {
  const { type, request, tree, items, what } = object(value)
  if (type === 'heard' && (what === 'observe' || what === 'logLevel')) return value as Answered
  if (type === 'described' && typeof object(tree)['pid'] === 'number' && count(request) >= 0) return value as Answered
  if (!Array.isArray(items) || (type !== 'observed' && type !== 'recalled'))
    throw new ProtocolError('this is nothing that an owner is answered')
  for (const item of items) object(item)
  if (type === 'recalled') count(request)
  return value as Answered
}

function fields(frame: unknown): readonly unknown[] {
  if (Array.isArray(frame)) return frame
  throw new ProtocolError('a frame is not an array')
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  throw new ProtocolError('a frame has something else where an object belongs')
}

function count(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new ProtocolError('a frame has something else where a number belongs')
}

function placementId(value: unknown): string {
  if (typeof value === 'string' && value.length === PLACEMENT_ID_LENGTH) return value
  throw new ProtocolError('a placement has no number')
}

function words(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, MAX_WORDS)
  throw new ProtocolError('a frame has something else where words belong')
}
