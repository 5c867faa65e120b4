import { CancelScope, currentScope } from '../node/cancel-scope.ts'
import { Cancelled, describeError } from '../node/errors.ts'
import { checkBody, MAX_TIMEOUT_MS } from '../node/scopes.ts'
import type { Target } from '../rpc/caller.ts'
import { leaveArguments } from '../rpc/argument-pumps.ts'
import { type AnyFunction, exposedFunction } from '../rpc/exposed.ts'
import type { RunResult } from '../rpc/call-types.ts'
import type { Portal } from '../rpc/portal.ts'
import { RemoteStream } from '../rpc/remote-stream.ts'
import { isStream } from '../rpc/stream-sources.ts'
import { transferable } from '../rpc/transferable.ts'
import type { ActorExit, ActorProcess } from './actor-process.ts'
import { type ActorRuntime, currentRuntime, type LiveNursery } from './actor-runtime.ts'
import { Family } from './family.ts'
import { MainTasks } from './main-tasks.ts'
import {
  type ActorOptions,
  actorSpec,
  type ActorSpec,
  checkRestart,
  type NurseryOptions,
  type NurserySettings,
  nurserySettings,
  type OneShotOptions,
  oneShotOptions,
  type TaskOptions,
} from './nursery-options.ts'
import { attachReport, Books, type ChildPage, type NurseryReport } from './report.ts'
import { preparePlacing, spawnActor, untilReady } from './spawn.ts'
import { SupervisedActor } from './supervised-actor.ts'
import { SupervisedTask } from './supervised-task.ts'
import { Supervisor } from './supervisor.ts'

/** Milliseconds by which the outcome of a cancelled call may come after its actor was ended by force. */
const LATE_OUTCOME_MS = 1_000

/** A local task of a nursery. */
export interface LocalTask<T> {
  /** The task's value or error, the same each time; of a restarted task, that of its last run. */
  result(): Promise<T>
}

/** The children of one block: local tasks and actors, which end together. */
export interface Nursery {
  /**
   * Starts a process that runs one exposed function as its main task and ends with it, or up to 5,000 ms later while
   * other one-shots that ran beside it are not done.
   *
   * @param name 1 to 256 bytes; several actors may share one; or the name with what else is said of the actor
   * @returns once the actor is up; `portal.result()` gives what the function gives; a stream has to be read to its
   * end or
   * left, since its producer waits for its reader
   * @throws BootFailed when the process does not become an actor
   * @throws NotExposed when the function was not exposed
   * @throws Cancelled when the nursery is cancelled meanwhile; the process is gone then
   */
  runInActor<F extends AnyFunction>(
    name: string | OneShotOptions,
    fn: F,
    ...args: Parameters<F>
  ): Promise<Portal<RunResult<F>>>
  /**
   * Starts a process that serves calls until it is cancelled: the block waits for it.
   *
   * In a nursery whose strategy restarts, the portal goes on working over restarts: calls in flight when the process
   * dies reject with `ActorDied`, later ones wait for the next process, bounded by their scope.
   *
   * @param name 1 to 256 bytes; several actors may share one
   * @throws BootFailed when the process does not become an actor; a first start is not tried again
   */
  startActor(name: string, options?: ActorOptions): Promise<Portal<never>>
  /**
   * Starts a local task under the same rules as an actor.
   *
   * @throws InvalidArgument when `restart` is given and the nursery's strategy restarts nobody
   */
  start<T>(task: () => T | Promise<T>, options?: TaskOptions): LocalTask<T>
  /** Ends the block normally: every child is cancelled, its process gone before `openNursery` returns. */
  cancel(): void
  readonly cancelled: boolean
  /** Aborts with the nursery. */
  readonly signal: AbortSignal
  /** What became of each child up to now, and what was done to end it; also after the block has ended. */
  readonly report: NurseryReport
}

/**
 * Runs a block whose children end with it, as Trio's nurseries do, across processes.
 *
 * The first failure, of the body or of a child, cancels all the others at once; the block waits until their processes
 * are gone and throws. Without a failure it waits for all children and returns the body's value. With a `strategy` that
 * restarts, actors are supervised as by Erlang's supervisors.
 *
 * @throws the failure when there is one; an `AggregateError` of all of them, the first one first, when there are more,
 * those raised in answer to the cancel (in `finally`, say) included: its message shows them as a tree
 * @throws InvalidArgument when the body is no function: it comes first, the options second
 * @throws TooManyRestarts when children would be restarted more often than `maxRestarts` within `withinMs`
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
  checkBody('openNursery', body)
  const runtime = currentRuntime()
  const { depth, graceMs } = runtime.options
  const settings = nurserySettings(options, depth, graceMs)
  const block = new Block(runtime, new CancelScope(currentScope()), settings)
  return await runtime.track(block, async () => await block.run(body))
}

class Block implements Nursery, LiveNursery {
  readonly #runtime: ActorRuntime
  readonly scope: CancelScope
  readonly #settings: NurserySettings
  readonly books: Books
  readonly #family: Family
  readonly #supervisor: Supervisor | undefined
  readonly #unread = new Set<RemoteStream<unknown>>()
  readonly #mainTasks: MainTasks
  #ownCancel: Cancelled | undefined

  constructor(runtime: ActorRuntime, scope: CancelScope, settings: NurserySettings) {
    this.#runtime = runtime
    this.scope = scope
    this.#settings = settings
    this.books = new Books(runtime.actor.name, (fact) => runtime.events.emit(fact))
    this.#family = new Family(runtime.actor.name, scope)
    this.#mainTasks = new MainTasks(runtime, this.#family, scope)
    // The nursery waits for the ladder of its actors, so its calls wait as long for what the actors raise in answer.
    scope.onCancel(() => {
      scope.ackMs = Math.min(MAX_TIMEOUT_MS, settings.graceMs * 1.25 + LATE_OUTCOME_MS)
    })
    this.#supervisor = this.#supervise()
  }

  get cancelled(): boolean {
    return this.scope.cancelled
  }

  get signal(): AbortSignal {
    return this.scope.signal
  }

  get report(): NurseryReport {
    return this.books.read()
  }

  cancel(): void {
    this.#ownCancel ??= new Cancelled(this.#runtime.actor.name, 'nursery.cancel()')
    this.scope.cancel(this.#ownCancel)
  }

  async run<T>(body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
    try {
      return await this.#run(body)
    } catch (error) {
      attachReport(error, this.report)
      throw error
    }
  }

  async #run<T>(body: (nursery: Nursery) => T | Promise<T>): Promise<T> {
    let value: T | undefined
    // The scope around it may be older than the actor, which its children must not outlive.
    const unlink = this.#runtime.scope.onCancel((reason) => this.scope.cancel(reason))
    try {
      value = await this.scope.run(async () => await body(this))
    } catch (error) {
      this.#family.fail(error, 'the block')
    }
    // A stream that nobody asked for must not keep its producer waiting for ever.
    for (const stream of this.#unread) this.#family.adopt(drain(stream))
    await this.#family.gone()
    unlink()
    this.scope.close()
    this.books.close()
    this.#family.throwFailures()
    if (this.scope.cancelled && this.scope.reason !== this.#ownCancel) throw this.scope.reason
    return value as T
  }

  start<T>(task: () => T | Promise<T>, { restart }: TaskOptions = {}): LocalTask<T> {
    this.#family.assertOpen()
    checkBody('start', task)
    checkRestart(restart, this.#settings.strategy)
    const name = task.name === '' ? 'task' : task.name
    const page = this.books.open('task', name)
    if (restart !== undefined && this.#supervisor !== undefined) {
      const supervised = new SupervisedTask(name, task, restart, page, this.scope)
      this.#family.adopt(this.#supervisor.add(supervised).then(async ({ done }) => await done))
      return { result: () => supervised.result }
    }
    const running = this.scope.run(async () => await task())
    page.up()
    this.#family.adopt(running, `task ${name}`)
    running.then(
      () => page.end('done'),
      (error: unknown) => this.#write(page, error),
    )
    return { result: () => running }
  }

  async startActor(name: string, options: ActorOptions = {}): Promise<Portal<never>> {
    if (options.on !== undefined) await preparePlacing()
    this.#family.assertOpen()
    checkRestart(options.restart, this.#settings.strategy)
    const spec = actorSpec(name, options, this.#settings, this.#runtime.options.startMethod)
    const page = this.books.open('actor', name)
    if (this.#supervisor !== undefined) {
      const actor = new SupervisedActor(this.#runtime, spec, options.restart ?? 'permanent', page, (id, exit) =>
        this.#gone(id, exit, spec.on === undefined),
      )
      const adding = this.#supervisor.add(actor)
      // In the books from the very start; that it did not start is told to the caller alone.
      this.#family.adopt(
        adding.then(
          async ({ done }) => await done,
          () => {},
        ),
      )
      await adding
      return this.#runtime.rpc.portal<never>(actor)
    }
    const { process, target } = await this.#boot(spec, page)
    this.#family.adopt(this.#superviseDaemon(process, page))
    return this.#runtime.rpc.portal<never>(target)
  }

  async runInActor<F extends AnyFunction>(
    nameOrOptions: string | OneShotOptions,
    fn: F,
    ...args: Parameters<F>
  ): Promise<Portal<RunResult<F>>> {
    const { module } = exposedFunction(fn)
    const { name, ...options } = oneShotOptions(nameOrOptions)
    for (const [i, arg] of args.entries()) if (!isStream(arg)) transferable(arg, `args[${i}]`)
    if (options.on !== undefined) await preparePlacing()
    this.#family.assertOpen()
    const spec = actorSpec(name, { ...options, modules: [module] }, this.#settings, this.#runtime.options.startMethod)
    const page = this.books.open('one-shot', name)
    const { process, target } = await this.#boot(spec, page).catch(async (error: unknown) => {
      await leaveArguments(args)
      throw error
    })
    const result = this.scope.run(() => this.#runtime.rpc.portal(target).run(fn, ...args))
    const main: Promise<unknown> = result instanceof RemoteStream ? result.finished() : result
    this.#family.adopt(this.#mainTasks.supervise(process, target.id, main, page))
    if (result instanceof RemoteStream) this.#unread.add(result)
    return this.#runtime.rpc.portal(target, () => {
      if (result instanceof RemoteStream) this.#unread.delete(result)
      return result
    })
  }

  /** A child is in the nursery's books before its process exists, so a cancel at any moment reaches it. */
  async #boot(spec: ActorSpec, page: ChildPage): Promise<{ process: ActorProcess; target: Target }> {
    const process = spawnActor(this.#runtime, spec, page)
    const unlink = this.scope.onCancel((reason) => void process.end(reason))
    this.#family.adopt(process.exited.then(unlink))
    try {
      const target = await untilReady(this.#runtime, process, page)
      this.#family.adopt(process.exited.then((exit) => this.#gone(target.id, exit, spec.on === undefined)))
      // Its own clean-up keeps nobody waiting.
      void process.crashed.then((death) => this.#family.fail(death))
      return { process, target }
    } catch (error) {
      this.#write(page, error)
      throw error
    }
  }

  async #superviseDaemon(process: ActorProcess, page: ChildPage): Promise<void> {
    const { death } = await process.exited
    this.#write(page, death)
    if (death !== undefined) throw death
  }

  /** This actor is the first to know, and tells the mesh; of one on another host its host does. */
  #gone(id: string, { kind }: ActorExit, isHere: boolean): void {
    if (isHere) this.#runtime.discovery.childEnded(id)
    if (kind === 'shutdown') this.#family.ended(id)
  }

  #supervise(): Supervisor | undefined {
    const { strategy } = this.#settings
    if (strategy === 'one-cancels-all') return undefined
    const fail = (error: unknown): void => this.#family.fail(error)
    const settings = { ...this.#settings, strategy }
    const supervisor = new Supervisor({
      actor: this.#runtime.actor.name,
      settings,
      onGiveUp: fail,
      onFailure: fail,
    })
    this.scope.onCancel((reason) => this.#family.adopt(supervisor.close(reason)))
    return supervisor
  }

  #write(page: ChildPage, error: unknown): void {
    if (error === undefined || this.#family.isEcho(error)) page.end('cancelled')
    else page.end('failed', describeError(error))
  }
}

async function drain(stream: RemoteStream<unknown>): Promise<void> {
  for await (const _ of stream);
}
