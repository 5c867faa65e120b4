import { checkActorName } from '../node/actor-name.ts'
import { CancelScope, currentScope, isEcho } from '../node/cancel-scope.ts'
import {
  ActorDied,
  Cancelled,
  describeError,
  InvalidArgument,
  LimitExceeded,
  RemoteActorError,
} from '../node/errors.ts'
import { checkLogLevel, logLevel, type LogLevel } from '../node/log.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import type { Target } from '../rpc/caller.ts'
import { type AnyFunction, checkModules, type ExposedModule, exposedFunction } from '../rpc/exposed.ts'
import type { Portal, RunResult } from '../rpc/portal.ts'
import { RemoteStream } from '../rpc/remote-stream.ts'
import { transferable } from '../rpc/transferable.ts'
import { ActorProcess, BOOT_TIMEOUT_MS, type ProcessTimes } from './actor-process.ts'
import { type ActorRuntime, currentRuntime } from './actor-runtime.ts'
import { MAX_DEPTH } from './lifeline.ts'

/** Milliseconds that a child of a root has to end after it was asked to, before force is used. */
export const CANCEL_GRACE_MS = 1_000
/** What is left of the grace on each level below: a parent outlasts the ladder of its children. */
export const GRACE_PER_LEVEL = 0.75
const MIN_GRACE_MS = 60
/**
 * Milliseconds that a one-shot whose main task is done stays for the one-shots that were running beside it: they may be
 * about to call it, as two actors that greet each other do.
 */
export const LINGER_MS = 5_000
/**
 * Ends that one nursery waits for at a time: a task has one, an actor three (its process, its record, its main task).
 */
export const MAX_CHILDREN = 30_000

export interface NurseryOptions {
  /**
   * Milliseconds from the cancel of a child to SIGTERM, 0 to 2^31-1; default 1,000 for children of a root and 0.75
   * times that on each level below.
   */
  readonly graceMs?: number
  /**
   * Milliseconds that a child has until it is an actor, 1 to 2^31-1; default 60,000: many may boot at once on few
   * cores.
   */
  readonly bootTimeoutMs?: number
}

export interface ActorOptions {
  /** What the actor serves, as `expose` gave it; nothing else can be called in it. */
  readonly modules?: readonly ExposedModule[]
  /** Copied into the child once. */
  readonly statespace?: Record<string, unknown>
  /** Default: the parent's level. */
  readonly logLevel?: LogLevel
}

/** A local task of a nursery. */
export interface LocalTask<T> {
  /** The task's value or error, the same each time. */
  result(): Promise<T>
}

/** The children of one block: local tasks and actors, which end together. */
export interface Nursery {
  /**
   * Starts a process that runs one exposed function as its main task and ends with it, or up to 5,000 ms later while
   * other one-shots that ran beside it are not done.
   *
   * @param name 1 to 256 bytes; several actors may share one
   * @returns once the actor is up; `portal.result()` gives what the function gives; a stream has to be read to its
   * end or
   * left, since its producer waits for its reader
   * @throws BootFailed when the process does not become an actor
   * @throws NotExposed when the function was not exposed
   * @throws Cancelled when the nursery is cancelled meanwhile; the process is gone then
   */
  runInActor<F extends AnyFunction>(name: string, fn: F, ...args: Parameters<F>): Promise<Portal<RunResult<F>>>
  /**
   * Starts a process that serves calls until it is cancelled: the block waits for it.
   *
   * @param name 1 to 256 bytes; several actors may share one
   * @throws BootFailed when the process does not become an actor
   */
  startActor(name: string, options?: ActorOptions): Promise<Portal<never>>
  /** Starts a local task under the same rules as an actor. */
  start<T>(task: () => T | Promise<T>): LocalTask<T>
  /** Ends the block normally: every child is cancelled, its process gone before `openNursery` returns. */
  cancel(): void
  readonly cancelled: boolean
  /** Aborts with the nursery. */
  readonly signal: AbortSignal
}

/**
 * Runs a block whose children end with it, as Trio's nurseries do, across processes.
 *
 * The first failure, of the body or of a child, cancels all the others at once; the block waits until their processes
 * are gone and throws. Without a failure it waits for all children and returns the body's value.
 *
 * @throws the failure when there is one, an `AggregateError` of all of them when there are more
 * @example
 * ```ts
 * await run(() => openNursery(async (nursery) => {
 *   const portal = await nursery.runInActor('linguist', cellarDoor)
 *   console.log(await portal.result())
 * }))
 * ```
 */
export async function openNursery<T>(
  body: (nursery: Nursery) => T | Promise<T>,
  options: NurseryOptions = {},
): Promise<T> {
  const runtime = currentRuntime()
  const bootTimeoutMs = checkMs('bootTimeoutMs', options.bootTimeoutMs ?? BOOT_TIMEOUT_MS, 1)
  const times = { graceMs: graceFor(runtime, options), bootTimeoutMs }
  const block = new Block(runtime, new CancelScope(currentScope()), times)
  return await runtime.track(block.run(body))
}

class Block implements Nursery {
  readonly #runtime: ActorRuntime
  readonly #scope: CancelScope
  readonly #times: ProcessTimes
  readonly #children = new Set<Promise<unknown>>()
  readonly #unread = new Set<RemoteStream<unknown>>()
  readonly #mains = new Set<Promise<unknown>>()
  readonly #failures: unknown[] = []
  #ownCancel: Cancelled | undefined
  #open = true

  constructor(runtime: ActorRuntime, scope: CancelScope, times: ProcessTimes) {
    this.#runtime = runtime
    this.#scope = scope
    this.#times = times
  }

  get cancelled(): boolean {
    return this.#scope.cancelled
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  cancel(): void {
    this.#ownCancel ??= new Cancelled(this.#runtime.actor.name, 'nursery.cancel()')
    this.#scope.cancel(this.#ownCancel)
  }

  async run<T>(body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
    let value: T | undefined
    // The scope around it may be older than the actor, which its children must not outlive.
    const unlink = this.#runtime.scope.onCancel((reason) => this.#scope.cancel(reason))
    try {
      value = await this.#scope.run(async () => await body(this))
    } catch (error) {
      this.#fail(error)
    }
    // A stream that nobody asked for must not keep its producer waiting for ever.
    for (const stream of this.#unread) this.#adopt(drain(stream))
    while (this.#children.size > 0) await Promise.allSettled(this.#children)
    this.#open = false
    unlink()
    this.#scope.close()
    if (this.#failures.length === 1) throw this.#failures[0]
    if (this.#failures.length > 1) throw aggregate(this.#runtime.actor.name, this.#failures)
    if (this.#scope.cancelled && this.#scope.reason !== this.#ownCancel) throw this.#scope.reason
    return value as T
  }

  start<T>(task: () => T | Promise<T>): LocalTask<T> {
    this.#assertOpen()
    const running = this.#scope.run(async () => await task())
    this.#adopt(running)
    return { result: () => running }
  }

  async startActor(name: string, options: ActorOptions = {}): Promise<Portal<never>> {
    const child = await this.#boot(name, options)
    this.#adopt(this.#superviseDaemon(child.process))
    return this.#runtime.rpc.portal<never>(child.target)
  }

  async runInActor<F extends AnyFunction>(name: string, fn: F, ...args: Parameters<F>): Promise<Portal<RunResult<F>>> {
    const { module } = exposedFunction(fn)
    for (const [i, arg] of args.entries()) transferable(arg, `args[${i}]`)
    const { process, target } = await this.#boot(name, { modules: [module] })
    const result = this.#scope.run(() => this.#runtime.rpc.portal(target).run(fn, ...args))
    const main: Promise<unknown> = result instanceof RemoteStream ? result.finished() : result
    this.#adopt(this.#superviseMain(process, target.id, main))
    if (result instanceof RemoteStream) this.#unread.add(result)
    return this.#runtime.rpc.portal(target, () => {
      if (result instanceof RemoteStream) this.#unread.delete(result)
      return result
    })
  }

  /** A child is in the nursery's books before its process exists, so a cancel at any moment reaches it. */
  async #boot(name: string, options: ActorOptions): Promise<{ process: ActorProcess; target: Target }> {
    this.#assertOpen()
    checkActorName(name)
    checkModules(options.modules ?? [])
    checkLogLevel(options.logLevel ?? logLevel())
    transferable(options.statespace, 'statespace')
    const { self, root, options: own } = this.#runtime
    if (own.depth + 1 > MAX_DEPTH)
      throw new InvalidArgument(`'${name}' would be ${own.depth + 1} levels below its root, the most is ${MAX_DEPTH}`)
    const process = new ActorProcess(
      {
        type: 'boot',
        name,
        mesh: own.mesh,
        secret: own.secret,
        treeKey: own.treeKey,
        parent: self,
        parentInc: this.#runtime.discovery.inc,
        root,
        depth: own.depth + 1,
        modules: [...new Map((options.modules ?? []).map((module) => [module.namespace, module])).values()],
        statespace: options.statespace ?? {},
        logLevel: options.logLevel ?? logLevel(),
        profile: own.profile,
        stacks: own.stacks,
      },
      this.#times,
    )
    const unlink = this.#scope.onCancel((reason) => void process.end(reason))
    this.#adopt(process.exited.then(unlink))
    // Whoever hears that it did not start may rely on its process being gone.
    const target = await process.ready.catch(async (error: unknown) => {
      await process.exited
      throw error
    })
    const { rpc, discovery } = this.#runtime
    rpc.explainDeath(target.id, process.exited)
    this.#adopt(process.exited.then(() => discovery.childEnded(target.id)))
    return { process, target }
  }

  async #superviseDaemon(process: ActorProcess): Promise<void> {
    const death = await process.exited
    if (death !== undefined) throw death
  }

  async #superviseMain(process: ActorProcess, id: string, main: Promise<unknown>): Promise<void> {
    this.#mains.add(main)
    let failed = false
    try {
      await main
    } catch (error) {
      failed = true
      if (!this.#isOwnRequest(id, error)) this.#fail(error)
    } finally {
      this.#mains.delete(main)
    }
    await this.#linger(process)
    const death = await process.end(new Cancelled(this.#runtime.actor.name, 'its main task is done'))
    // The death of a process fails its main task as well, and is counted once.
    if (death !== undefined && !failed) throw death
  }

  /** Whoever here cancelled the actor through a portal is not told so as a failure; `result()` says it. */
  #isOwnRequest(id: string, error: unknown): boolean {
    const cut = error instanceof ActorDied || (error instanceof RemoteActorError && error.cause instanceof Cancelled)
    return cut && this.#runtime.rpc.hasCancelled(id)
  }

  async #linger(process: ActorProcess): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, LINGER_MS)
    const unlink = this.#scope.onCancel(() => over.resolve())
    await Promise.race([Promise.allSettled(this.#mains), process.exited, over.promise])
    clearTimeout(timer)
    unlink()
  }

  /** Puts a child in the books until it has ended; its failure is the nursery's. */
  #adopt(child: Promise<unknown>): void {
    this.#children.add(child)
    child.catch((error: unknown) => this.#fail(error)).finally(() => this.#children.delete(child))
  }

  /** The first failure cancels everything else; the echoes of a cancel are no failures. */
  #fail(error: unknown): void {
    if (isEcho(error, this.#scope.reason) || this.#failures.includes(error)) return
    this.#failures.push(error)
    this.#scope.cancel(new Cancelled(this.#runtime.actor.name, `its nursery failed (${describeError(error)})`))
  }

  #assertOpen(): void {
    this.#scope.throwIfCancelled()
    if (!this.#open) throw new InvalidArgument('this nursery has ended: start children inside its block')
    if (this.#children.size >= MAX_CHILDREN)
      throw new LimitExceeded('MAX_CHILDREN', `a nursery waits for ${MAX_CHILDREN} ends of its children already`)
  }
}

async function drain(stream: RemoteStream<unknown>): Promise<void> {
  for await (const _ of stream);
}

function graceFor(runtime: ActorRuntime, { graceMs }: NurseryOptions): number {
  const shrunk = CANCEL_GRACE_MS * GRACE_PER_LEVEL ** runtime.options.depth
  return checkMs('graceMs', graceMs ?? Math.max(MIN_GRACE_MS, shrunk), 0)
}

function checkMs(option: string, ms: number, least: number): number {
  if (ms >= least && ms <= MAX_TIMEOUT_MS) return ms
  throw new InvalidArgument(`${option} is ${least} to ${MAX_TIMEOUT_MS} milliseconds, got ${ms}`)
}

function aggregate(name: string, failures: readonly unknown[]): AggregateError {
  const lines = failures.map((failure) => `\n  - ${describeError(failure).replaceAll('\n', '\n    ')}`)
  return new AggregateError(failures, `${failures.length} failures in a nursery of ${name}:${lines.join('')}`)
}
