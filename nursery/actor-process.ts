import {
  ActorDied,
  type ActorRef,
  BootFailed,
  Cancelled,
  describeError,
  GreenroomError,
  LimitExceeded,
} from '../node/errors.ts'
import { areaLog, type LogLevel } from '../node/log.ts'
import type { Target } from '../rpc/caller.ts'
import { decodeFailure } from '../rpc/error-codec.ts'
import type { ActorTree, Describable, TreeBounds } from './actor-tree.ts'
import type { BootMessage, ChildMessage, ParentMessage } from './boot-message.ts'
import type { Carrier, CarrierEvents, Ladder } from './carrier.ts'
import type { Observable } from './observation.ts'
import type { Observed, RecallBounds, Wish } from './observed.ts'
import type { StartMethod } from './start-method.ts'
import { OwnLadder } from './ladder.ts'
import { LatestWins } from './latest-wins.ts'
import type { StepName } from './report.ts'
import type { ExitKind } from './restart-policy.ts'

/** Default milliseconds that a child has until it is an actor; generous, because many may boot at once on few cores. */
export const BOOT_TIMEOUT_MS = 60_000

/** Questions for what is there, and was, that one actor may leave unanswered; it is not asked again then. */
export const MAX_DESCRIPTIONS = 16

export interface ProcessTimes {
  /** Milliseconds until the child has to be an actor. */
  readonly bootTimeoutMs: number
  /** Milliseconds from the begin of its end to SIGTERM; a quarter of it lies between SIGTERM and SIGKILL. */
  readonly graceMs: number
}

/** What the owner of a process hears of it. */
export interface ProcessEvents {
  /** Something is done to end it. */
  onStep(step: StepName, why: string): void
  /** Somebody else has asked it to end. */
  onAskedToEnd(reason: Cancelled): void
  /** It passes up what happened in it and below. */
  onObserved(items: readonly Observed[]): void
}

/** How a process ended. */
export interface ActorExit {
  /** `normal` is exit code 0 unasked; an error that nobody caught is `abnormal`, also after somebody asked for the end. */
  readonly kind: ExitKind
  /** What to tell whoever relied on the process: missing when its end was asked for, here or elsewhere. */
  readonly death: ActorDied | undefined
}

const log = areaLog('nursery')

/** One child, a process or a thread: from its start to the exit that is confirmed. */
export class ActorProcess implements Describable, Observable {
  readonly name: string
  readonly startMethod: StartMethod
  /** Resolves when the child is an actor. @throws BootFailed when it does not become one */
  readonly ready: Promise<Target>
  /** Resolves when an error that nobody catches ends it: at once, before it is gone; stays pending when none does. */
  readonly crashed: Promise<ActorDied>
  /** Resolves when the process is gone; never rejects. */
  readonly exited: Promise<ActorExit>
  readonly #carrier: Carrier
  readonly #ready = Promise.withResolvers<Target>()
  readonly #crashed = Promise.withResolvers<ActorDied>()
  readonly #exited = Promise.withResolvers<ActorExit>()
  readonly #ladder: Ladder
  readonly #events: ProcessEvents
  #target: Target | undefined
  #asked = false
  #killed: string | undefined
  /** By an error that nobody caught there. */
  #death: ActorDied | undefined
  #bootTimer: NodeJS.Timeout
  readonly #questions = new Map<number, PromiseWithResolvers<unknown>>()
  #lastRequest = 0
  readonly #settings = {
    observe: new LatestWins((message) => this.#carrier.send(message)),
    logLevel: new LatestWins((message) => this.#carrier.send(message)),
  }

  /**
   * @param start gives the process or thread that waits for the message
   */
  constructor(
    start: (events: CarrierEvents) => Carrier,
    boot: BootMessage,
    { bootTimeoutMs, graceMs }: ProcessTimes,
    startMethod: StartMethod,
    events: ProcessEvents,
  ) {
    this.name = boot.name
    this.startMethod = startMethod
    this.#events = events
    const onStep = (step: StepName, why: string): void => events.onStep(step, why)
    this.ready = this.#ready.promise
    this.crashed = this.#crashed.promise
    this.exited = this.#exited.promise
    this.ready.catch(() => {})
    this.#carrier = start({
      onMessage: (message) => this.#onMessage(message),
      onError: (cause) =>
        this.#failBoot(`its ${this.#carrier.noun} cannot be started: ${describeError(cause)}`, { cause }),
      onExit: (how, code) => this.#onExit(how, code),
      onStep,
      onLost: (how, cause) => this.#lose(how, cause),
    })
    this.#ladder = this.#carrier.ladder ?? new OwnLadder(this.name, this.#carrier, graceMs, onStep)
    this.#bootTimer = setTimeout(() => {
      this.#failBoot(`it was not ready within ${bootTimeoutMs} ms`)
      this.#ladder.kill(`it was not ready within ${bootTimeoutMs} ms`)
    }, bootTimeoutMs)
    try {
      this.#carrier.send(boot)
    } catch (cause) {
      this.#failBoot(`its statespace cannot be sent: ${describeError(cause)}`, { cause })
      this.#carrier.kill('SIGKILL')
    }
  }

  get pid(): number | undefined {
    return this.#carrier.pid
  }

  get host(): ActorRef | undefined {
    return this.#carrier.host
  }

  /**
   * Asks the actor to end, uses force when it does not, and resolves when the process is gone.
   *
   * A child that is still booting has nothing to clean up and is killed at once, as is one that has no grace.
   *
   * @param atMostMs of grace, whatever was promised at the start
   */
  end(reason: Cancelled, atMostMs?: number): Promise<ActorExit> {
    if (atMostMs !== undefined) this.#ladder.hurry(atMostMs)
    if (this.#death !== undefined) return this.exited
    if (!this.#asked) {
      if (this.#target === undefined) this.#ready.reject(reason)
      this.#ladder.end(reason, this.#target !== undefined)
    }
    this.#asked = true
    return this.exited
  }

  /**
   * Ends the process by force at once, because somebody wants that: to whoever relies on it, it has died of that.
   *
   * @param by who, in words
   */
  destroy(by: string, why: string): Promise<ActorExit> {
    const how = `it was killed by ${by}: ${why}`
    if (!this.#asked) this.#death ??= new ActorDied(this.#ref(), (this.#killed = how))
    this.#ladder.kill(`${by}: ${why}`)
    return this.exited
  }

  /** By whom and why it was killed by hand, if it was. */
  get killed(): string | undefined {
    return this.#killed
  }

  /** As its child entry knows it, once it is up. */
  get id(): string {
    return this.#target?.id ?? ''
  }

  async describe(bounds: TreeBounds): Promise<ActorTree> {
    return (await this.#ask(bounds.timeoutMs, (request) => ({ type: 'describe', request, bounds }))) as ActorTree
  }

  async recall(bounds: RecallBounds): Promise<readonly Observed[]> {
    const items = await this.#ask(bounds.timeoutMs, (request) => ({ type: 'recall', request, bounds }))
    return items as readonly Observed[]
  }

  observe(wish: Wish): void {
    this.#settings.observe.say({ type: 'observe', wish })
  }

  setLogLevel(level: LogLevel, forMs: number | undefined): void {
    this.#settings.logLevel.say({ type: 'logLevel', level, forMs })
  }

  async #ask(timeoutMs: number, question: (request: number) => ParentMessage): Promise<unknown> {
    if (this.#questions.size >= MAX_DESCRIPTIONS)
      throw new LimitExceeded('MAX_DESCRIPTIONS', `it has not answered the last ${MAX_DESCRIPTIONS} questions`)
    const request = ++this.#lastRequest
    const answer = Promise.withResolvers<unknown>()
    // Until it answers, however late: that is what the bound counts.
    this.#questions.set(request, answer)
    const late = `it has not answered within ${Math.round(timeoutMs)} ms`
    const timer = setTimeout(() => answer.reject(new GreenroomError('ACTOR_TOO_SLOW', late)), timeoutMs)
    if (this.#carrier.gone) answer.reject(new GreenroomError('ACTOR_DIED', 'it has ended'))
    else this.#carrier.send(question(request))
    try {
      return await answer.promise
    } finally {
      clearTimeout(timer)
    }
  }

  #onMessage(message: ChildMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#bootTimer)
        this.#target = message.target
        this.#ready.resolve(message.target)
        return
      case 'bootFailed': {
        const { origin, cause } = decodeFailure(message.failure)
        const where = message.module === undefined ? '' : `${message.module}: `
        log.debug(`boot of ${origin.name} failed`, cause)
        this.#failBoot(`${where}${describeError(cause)}`, { cause, module: message.module })
        this.#ladder.descend()
        return
      }
      case 'crashed':
        this.#crash(decodeFailure(message.failure).cause)
        return
      case 'prepared':
        return
      case 'described':
        this.#answered(message.request, message.tree)
        return
      case 'recalled':
        this.#answered(message.request, message.items)
        return
      case 'heard':
        this.#settings[message.what].heard()
        return
      case 'observed':
        this.#events.onObserved(message.items)
        this.#carrier.send({ type: 'taken' })
        return
      case 'cancelled':
        log.debug(`${this.name} ends: cancelled by ${message.by}: ${message.why}`)
        if (!this.#asked) this.#events.onAskedToEnd(new Cancelled(message.by, message.why))
        this.#asked = true
        this.#ladder.descend()
    }
  }

  #answered(request: number, answer: unknown): void {
    this.#questions.get(request)?.resolve(answer)
    this.#questions.delete(request)
  }

  /** It ends already: cleans up, and is on the ladder meanwhile. */
  #crash(thrown: unknown): void {
    if (this.#death !== undefined) return
    this.#death = new ActorDied(this.#ref(), `${describeError(thrown)} (nobody caught it)`, { cause: thrown })
    this.#crashed.resolve(this.#death)
    this.#ladder.descend()
  }

  /** Whoever carries it has given it up, or is out of reach: it ends there, and nobody here has asked for that. */
  #lose(how: string, cause: unknown): void {
    this.#failBoot(how, { cause })
    if (this.#death !== undefined) return
    this.#death = new ActorDied(this.#ref(), how, { cause, lost: true })
    this.#crashed.resolve(this.#death)
  }

  #ref(): Target {
    return this.#target ?? { name: this.name, id: '', addresses: [] }
  }

  #failBoot(how: string, options?: ErrorOptions & { module?: string | undefined }): void {
    clearTimeout(this.#bootTimer)
    this.#ready.reject(new BootFailed(this.name, how, options))
  }

  #onExit(how: string, code: number | null): void {
    this.#ladder.stop()
    for (const { reject } of this.#questions.values()) reject(new GreenroomError('ACTOR_DIED', 'it has ended'))
    this.#questions.clear()
    const death = this.#death
    const crash = death === undefined ? '' : ` (${describeError(death.cause)})`
    this.#failBoot(`${how} before it was ready${crash}`, death === undefined ? {} : { cause: death.cause })
    if (death !== undefined) {
      this.#exited.resolve({ kind: 'abnormal', death })
    } else if (this.#asked) {
      this.#exited.resolve({ kind: 'shutdown', death: undefined })
    } else {
      this.#exited.resolve({ kind: code === 0 ? 'normal' : 'abnormal', death: new ActorDied(this.#ref(), how) })
    }
  }
}
