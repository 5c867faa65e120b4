/** The name and peer id of an actor, as errors and portals show it. */
export interface ActorRef {
  readonly name: string
  readonly id: string
}

/** Renders an actor as `name (abcd1234)`: the tail of a peer id is what tells two ids apart. */
export function showActor(actor: ActorRef): string {
  return `${actor.name} (${actor.id.slice(-8)})`
}

/**
 * The base of every error that greenroom itself throws.
 *
 * `code` is a stable upper-case word for programs; the message alone suffices for people.
 *
 * @example
 * ```ts
 * try {
 *   await portal.run(hi)
 * } catch (error) {
 *   if (error instanceof GreenroomError && error.code === 'NOT_EXPOSED') console.error(error.message)
 * }
 * ```
 */
export class GreenroomError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }
}

/**
 * Somebody cancelled the scope that this code runs in; `by` says who and `why` says for what reason.
 *
 * A scope absorbs only the very instance that it was cancelled with, so a cancel that somebody else made goes on.
 */
export class Cancelled extends GreenroomError {
  /** Name of the actor whose code asked for the cancel, or of the scope kind when no actor is running. */
  readonly by: string
  readonly why: string
  /** What it cut short first, as in `waiting for an actor named 'gretchen'`, when that is known. */
  during: string | undefined

  constructor(by: string, why: string, options?: ErrorOptions) {
    super('CANCELLED', `cancelled by ${by}: ${why}`, options)
    this.by = by
    this.why = why
  }
}

/** A `failAfter` scope, or the deadline of a call, ran out before its work ended. */
export class DeadlineExceeded extends GreenroomError {
  /** The deadline in milliseconds, as it was given. */
  readonly ms: number

  /** @param during what was under way when the time was over */
  constructor(ms: number, during?: string, options?: ErrorOptions) {
    super('DEADLINE_EXCEEDED', `not done within ${ms} ms${during === undefined ? '' : `, while ${during}`}`, options)
    this.ms = ms
  }
}

/** A function raised in another actor: `cause` is the rebuilt error, `origin` the actor that it was first raised in. */
export class RemoteActorError extends GreenroomError {
  readonly origin: ActorRef
  /** Names of the actors that the error passed through, from its origin to the last one before this process. */
  readonly path: readonly string[]
  /** The stack of the remote error, as text; empty when the remote sent none. */
  readonly remoteStack: string

  constructor(origin: ActorRef, path: readonly string[], cause: unknown, remoteStack: string) {
    super('REMOTE_ACTOR_ERROR', `${showActor(origin)} raised ${describeError(cause)}${showPath(path)}`, { cause })
    this.origin = origin
    this.path = path
    this.remoteStack = remoteStack
  }
}

export interface ActorDiedOptions extends ErrorOptions {
  /** Default true. */
  readonly mayHaveRun?: boolean
  /** Default false. */
  readonly lost?: boolean
}

/**
 * The process behind a portal has ended, or the way to it is gone.
 *
 * @see {@link ActorDied.mayHaveRun} before a call is made again
 */
export class ActorDied extends GreenroomError {
  readonly actor: ActorRef
  /** False when the call certainly was never sent; true when it may have run, wholly or in part. */
  readonly mayHaveRun: boolean
  /** Whether nobody saw it die: only the way to it is gone, and it may be reached again. */
  readonly lost: boolean

  constructor(actor: ActorRef, how: string, options: ActorDiedOptions = {}) {
    const { mayHaveRun = true, lost = false, ...rest } = options
    super('ACTOR_DIED', `${showActor(actor)}${lost ? '' : ' died'}: ${how}`, rest)
    this.actor = { name: actor.name, id: actor.id }
    this.mayHaveRun = mayHaveRun
    this.lost = lost
  }
}

/** The called function is not in the callee's allow-list. */
export class NotExposed extends GreenroomError {
  readonly functionName: string

  constructor(functionName: string, message: string) {
    super('NOT_EXPOSED', message)
    this.functionName = functionName
  }
}

/** An actor did not acknowledge its cancel within the bound; whoever supervises it has to use force. */
export class ActorTooSlow extends GreenroomError {
  readonly actor: ActorRef

  constructor(actor: ActorRef, ms: number) {
    super('ACTOR_TOO_SLOW', `${showActor(actor)} did not acknowledge its cancel within ${ms} ms`)
    this.actor = actor
  }
}

/** A child process did not become an actor: `cause` is why, `module` the one that failed to import, if one did. */
export class BootFailed extends GreenroomError {
  readonly actorName: string
  readonly module: string | undefined

  constructor(actorName: string, how: string, options?: ErrorOptions & { module?: string | undefined }) {
    super('BOOT_FAILED', `actor '${actorName}' did not start: ${how}`, options)
    this.actorName = actorName
    this.module = options?.module
  }
}

/**
 * A supervisor has restarted its children as often as it may: `cause` is what ended the last one. Its nursery fails
 * with this.
 */
export class TooManyRestarts extends GreenroomError {
  /** Of the child that would have been restarted next. */
  readonly child: string

  constructor(child: string, maxRestarts: number, withinMs: number, options?: ErrorOptions) {
    const restarts = maxRestarts === 1 ? 'restart' : 'restarts'
    // one that ended by itself, without an error, has no cause
    const why = options?.cause === undefined ? '' : ` (${describeError(options.cause)})`
    super(
      'TOO_MANY_RESTARTS',
      `'${child}' is not restarted: more than ${maxRestarts} ${restarts} within ${withinMs} ms would be needed${why}`,
      options,
    )
    this.child = child
  }
}

/** A peer broke the wire protocol; only the exchange with that peer is affected. */
export class ProtocolError extends GreenroomError {
  constructor(message: string, options?: ErrorOptions) {
    super('PROTOCOL', message, options)
  }
}

/** A named bound was reached; the message says which one, its value and what to do. */
export class LimitExceeded extends GreenroomError {
  readonly limit: string

  constructor(limit: string, message: string) {
    super('LIMIT_EXCEEDED', `${message} (limit ${limit})`)
    this.limit = limit
  }
}

/** A consumer of a shared stream fell behind by more than is kept: `missed` items are lost to it, in this very place. */
export class Lagged extends GreenroomError {
  readonly missed: number

  /** @param buffer how many items are kept for those who are behind */
  constructor(missed: number, buffer: number) {
    super(
      'LAGGED',
      `${missed} items were lost to a consumer that was more than ${buffer} behind: ` +
        "give the fan-out a larger buffer, or subscribe with { onLag: 'wait' }",
    )
    this.missed = missed
  }
}

/** Another actor holds the claimed name, and the caller did not want to wait. */
export class NameTaken extends GreenroomError {
  readonly claimName: string
  readonly holder: ActorRef

  constructor(claimName: string, holder: ActorRef) {
    super('NAME_TAKEN', `the name '${claimName}' is held by ${showActor(holder)}`)
    this.claimName = claimName
    this.holder = holder
  }
}

/** What was held, a claimed name or the arbiter's office, is held no more: whatever was done by it has to stop. */
export class FencedOut extends GreenroomError {
  /** The claimed name; undefined for the arbiter's office. */
  readonly claimName: string | undefined

  constructor(claimName: string | undefined, why: string) {
    super('FENCED_OUT', `${claimName === undefined ? "the arbiter's office" : `the name '${claimName}'`} ${why}`)
    this.claimName = claimName
  }
}

/** What the caller passed cannot be used; the message names the argument and what it should be. */
export class InvalidArgument extends GreenroomError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_ARGUMENT', message, options)
  }
}

/**
 * One line for any thrown value, errors or not; never throws itself: anything can be thrown, also what has no words.
 */
export function describeError(error: unknown): string {
  try {
    if (!(error instanceof Error)) return String(error)
    const name = error.name === 'Error' ? (error.constructor?.name ?? 'Error') : error.name
    return error.message === '' ? name : `${name}: ${error.message}`
  } catch {
    return 'a value that cannot be shown'
  }
}

function showPath(path: readonly string[]): string {
  return path.length > 1 ? ` (by way of ${path.slice(1).join(', ')})` : ''
}
