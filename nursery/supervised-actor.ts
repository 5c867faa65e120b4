import type { Cancelled } from '../node/errors.ts'
import { ActorDied, describeError } from '../node/errors.ts'
import type { Comeback, Target } from '../rpc/caller.ts'
import type { ActorExit, ActorProcess } from './actor-process.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import type { ActorSpec } from './nursery-options.ts'
import type { ChildPage } from './report.ts'
import type { Restart } from './restart-policy.ts'
import { spawnActor, untilReady } from './spawn.ts'
import type { ChildExit, Supervised } from './supervisor.ts'

/**
 * Milliseconds within which the exit of a process is known that cannot be reached any more: the connection breaks a
 * moment before.
 */
export const EXIT_NOTICE_MS = 500

/** An actor over all its incarnations, and the target of the portals to it. */
export class SupervisedActor implements Supervised, Target, Comeback {
  readonly restart: Restart
  readonly page: ChildPage
  readonly #runtime: ActorRuntime
  readonly #spec: ActorSpec
  readonly #onGone: (id: string, exit: ActorExit) => void
  #process: ActorProcess | undefined
  #target: Target | undefined
  /** Settles when the next incarnation is up, or will never be. */
  #next: PromiseWithResolvers<void> | undefined
  #stopping = false
  /** Peer id of the host that the last incarnation was lost with. */
  #lostHost: string | undefined

  /** @param onGone hears of each incarnation's end */
  constructor(
    runtime: ActorRuntime,
    spec: ActorSpec,
    restart: Restart,
    page: ChildPage,
    onGone: (id: string, exit: ActorExit) => void,
  ) {
    this.#runtime = runtime
    this.#onGone = onGone
    this.#spec = restart === 'temporary' ? spec : { ...spec, statespace: snapshot(spec.statespace) }
    this.restart = restart
    this.page = page
  }

  get name(): string {
    return this.#spec.name
  }

  get id(): string {
    return this.#target?.id ?? ''
  }

  get addresses(): readonly string[] {
    return this.#target?.addresses ?? []
  }

  get comeback(): Comeback {
    return this
  }

  pending(): Promise<void> | undefined {
    return this.#next?.promise
  }

  async hasEnded(id: string): Promise<boolean> {
    const process = this.#process
    if (this.#next !== undefined || this.id !== id || process === undefined) return true
    const late = Promise.withResolvers<boolean>()
    const timer = setTimeout(late.resolve, EXIT_NOTICE_MS, false)
    try {
      return await Promise.race([process.exited.then(() => true), late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  async start(onExit: (exit: ChildExit) => void): Promise<void> {
    this.#stopping = false
    const process = spawnActor(this.#runtime, this.#spec, this.page, this.#lostHost)
    this.#process = process
    const target = await untilReady(this.#runtime, process, this.page)
    this.#target = target
    void process.exited.then((exit) => {
      this.#next ??= settlement()
      this.#lostHost = exit.death?.lost === true ? process.host?.id : undefined
      this.#onGone(target.id, exit)
      if (!this.#stopping) onExit(toExit(exit))
    })
    this.#next?.resolve()
    this.#next = undefined
  }

  async stop(reason: Cancelled): Promise<void> {
    this.#stopping = true
    const exit = await this.#process?.end(reason)
    if (exit?.death !== undefined) throw exit.death
  }

  finished(exit: ChildExit): void {
    const how = exit.kind === 'abnormal' ? describeError(exit.error) : 'it has ended'
    this.#next ??= settlement()
    this.#next.reject(new ActorDied(this, `${how}, and it is not restarted`))
    if (exit.kind === 'abnormal') this.page.end('failed', how)
    else this.page.end(exit.kind === 'normal' ? 'done' : 'cancelled')
  }
}

function toExit({ kind, death }: ActorExit): ChildExit {
  return kind === 'abnormal' && death !== undefined ? { kind, error: death } : { kind }
}

/** Nobody may be waiting for it. */
function settlement(): PromiseWithResolvers<void> {
  const settled = Promise.withResolvers<void>()
  settled.promise.catch(() => {})
  return settled
}

/** What a restart passes is what the first start did. What cannot be copied is told by the start itself. */
function snapshot(statespace: Record<string, unknown>): Record<string, unknown> {
  try {
    return structuredClone(statespace)
  } catch {
    return statespace
  }
}
