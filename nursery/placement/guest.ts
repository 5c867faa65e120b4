import { Cancelled, describeError } from '../../node/errors.ts'
import { areaLog } from '../../node/log.ts'
import type { FrameStream } from '../../rpc/frame-stream.ts'
import { ActorProcess } from '../actor-process.ts'
import type { ActorRuntime } from '../actor-runtime.ts'
import type { ChildMessage } from '../boot-message.ts'
import type { Carrier, CarrierEvents } from '../carrier.ts'
import { type ChildPage, whyCancelled } from '../report.ts'
import { makeBootMessage } from '../make-boot-message.ts'
import { GuestOutput } from './guest-output.ts'
import { LOST_GRACE_MS } from './placement-times.ts'
import {
  ACCEPTED,
  type Answered,
  type Asked,
  BEAT,
  BEAT_BACK,
  END,
  OUTPUT,
  type OwnerFrame,
  PASS,
  PASSED,
  type SpawnOrder,
  TOLD,
  type Told,
} from './spawn-protocol.ts'

/** What a host tells of one actor at most, and keeps to tell again. */
export const MAX_TOLD = 64

export interface GuestOptions {
  readonly runtime: ActorRuntime
  readonly placement: string
  /** Peer id of the actor whose nursery it belongs to. */
  readonly owner: string
  readonly order: SpawnOrder
  /** Where its modules are here. */
  readonly urls: readonly string[]
  readonly page: ChildPage
  /** Its process is gone. */
  onExit(): void
  /** Its owner has heard everything, or is not waited for any more. */
  onForgotten(): void
}

const log = areaLog('nursery')

/** An actor that this host runs for another one, below this process, for as long as its owner is there. */
export class Guest {
  readonly placement: string
  readonly owner: string
  readonly #options: GuestOptions
  readonly #process: ActorProcess
  readonly #told: Told[] = []
  readonly #beats: NodeJS.Timeout
  readonly #since = performance.now()
  #carrier: Carrier | undefined
  #output: GuestOutput | undefined
  #stream: FrameStream | undefined
  /** Of the last beat that was answered, in milliseconds since this began. */
  #answered = 0
  #isUp = false
  #ownerWasThere: boolean
  #exited = false
  #forgetting: NodeJS.Timeout | undefined

  /** @param stream on which it was asked for */
  constructor(options: GuestOptions, stream: FrameStream) {
    const { runtime, order, urls, page } = options
    this.#options = options
    this.placement = options.placement
    this.owner = options.owner
    this.#ownerWasThere = runtime.discovery.state.registry.get(this.owner) !== undefined
    const { owner, name, graceMs, bootTimeoutMs } = order
    this.#process = new ActorProcess(
      (events) => this.#start(events),
      makeBootMessage(runtime, {
        ...order,
        modules: order.modules.map(({ namespace }, index) => ({ url: urls[index]!, namespace })),
        owner: { name: owner.name, id: this.owner, addresses: owner.addresses },
      }),
      { graceMs, bootTimeoutMs },
      'process',
      {
        onStep: (step, why) => {
          page.step(step, why)
          this.#tell({ type: 'step', step, why })
        },
        onAskedToEnd: (reason) => page.askedToEnd(whyCancelled(reason)),
        // it is the owner who observes
        onObserved: () => {},
      },
    )
    page.spawned(this.#process)
    log.info(`starts '${name}' for ${owner.name} (…${this.owner.slice(-8)}), process ${this.#process.pid ?? 'none'}`)
    this.#stream = stream
    this.#send([ACCEPTED, this.#process.pid ?? 0])
    this.#goBy(stream)
    this.#beats = setInterval(() => this.#beat(), order.beatMs)
    void this.#follow()
  }

  get connected(): boolean {
    return this.#stream !== undefined
  }

  /** Goes on over another stream of its owner; tells what was told after `heard` again. */
  attach(stream: FrameStream, heard: number): void {
    const before = this.#stream
    this.#stream = stream
    before?.abort(new Error('its owner has opened another stream'))
    for (let number = heard + 1; number <= this.#told.length; number++)
      this.#send([TOLD, number, this.#told[number - 1]])
    this.#goBy(stream)
  }

  hear(frame: OwnerFrame): void {
    switch (frame.type) {
      case BEAT_BACK:
        this.#answered = Math.max(this.#answered, Math.min(frame.beat, this.#elapsed))
        return
      case END:
        void this.#process.end(new Cancelled(frame.by, frame.why))
        return
      case PASS:
        this.#pass(frame.message)
    }
  }

  /** A stream is gone. */
  left(stream: FrameStream): void {
    if (this.#stream !== stream) return
    this.#stream = undefined
    this.#output?.goBy(undefined)
    if (this.#exited) this.forget()
    else if (!this.#isUp) this.giveUp('the connection to its owner was lost while it was starting')
    else this.checkOwner()
  }

  /** Ends it when its owner is known to have ended: a lost connection alone may come back. */
  checkOwner(): void {
    const { runtime, order } = this.#options
    const isThere = runtime.discovery.state.registry.get(this.owner) !== undefined
    if (!isThere && this.#ownerWasThere && !this.connected)
      this.giveUp(`its owner ${order.owner.name} cannot be reached and counts as dead`)
    this.#ownerWasThere ||= isThere
  }

  /** Ends it by this host's own decision. */
  giveUp(why: string): void {
    if (this.#exited || this.#told.some(({ type }) => type === 'givenUp')) return
    log.warn(`ends '${this.#options.order.name}', which it runs for ${this.#options.order.owner.name}: ${why}`)
    this.#tell({ type: 'givenUp', why })
    void this.#process.end(new Cancelled(this.#options.runtime.actor.name, why), LOST_GRACE_MS)
  }

  /** Its owner will not come back, or need not. */
  forget(): void {
    clearTimeout(this.#forgetting)
    clearInterval(this.#beats)
    const stream = this.#stream
    this.#stream = undefined
    stream?.close()
    this.#options.onForgotten()
  }

  get #elapsed(): number {
    return Math.round(performance.now() - this.#since)
  }

  #start(events: CarrierEvents): Carrier {
    const { runtime, order } = this.#options
    const stdio = (stdout: ConstructorParameters<typeof GuestOutput>[0], stderr: typeof stdout): void => {
      this.#output = new GuestOutput(stdout, stderr)
    }
    this.#carrier = runtime.carriers.start(
      'process',
      { name: order.name, stdio, limits: order.limits },
      {
        ...events,
        onMessage: (message) => this.#onMessage(message, events),
        onExit: (how, code) => {
          events.onExit(how, code)
          void this.#finish(this.#process.killed ?? how, code)
        },
      },
    )
    return this.#carrier
  }

  #onMessage(message: ChildMessage, events: CarrierEvents): void {
    switch (message.type) {
      case 'ready':
        this.#isUp = true
        this.#tell(message)
        break
      case 'bootFailed':
      case 'crashed':
      case 'cancelled':
        this.#tell(message)
        break
      case 'described':
      case 'recalled':
        if (message.request >= 0) break
        this.#send([PASSED, { ...message, request: -message.request } satisfies Answered])
        return
      case 'observed':
      case 'heard':
        this.#send([PASSED, message satisfies Answered])
        return
      case 'prepared':
    }
    events.onMessage(message)
  }

  /** Questions of the owner have numbers below zero here, and never meet those of this process. */
  #pass(message: Asked): void {
    this.#carrier?.send('request' in message ? { ...message, request: -message.request } : message)
  }

  async #follow(): Promise<void> {
    const { runtime, page } = this.#options
    const target = await this.#process.ready.catch(() => undefined)
    if (target !== undefined) {
      page.up(target.id)
      runtime.children.addGuest(this.#process)
    }
    const { kind, death } = await this.#process.exited
    if (target !== undefined) runtime.discovery.childEnded(target.id)
    if (kind === 'abnormal') page.end('failed', death === undefined ? undefined : describeError(death))
    else page.end(kind === 'normal' ? 'done' : 'cancelled')
  }

  /** What it wrote comes before its end. */
  async #finish(how: string, code: number | null): Promise<void> {
    this.#exited = true
    await this.#output?.rest()
    this.#tell({ type: 'exited', how, code })
    clearInterval(this.#beats)
    // An owner that is out of reach may come back to hear it.
    this.#forgetting = setTimeout(() => this.forget(), this.#options.order.lostAfterMs)
    this.#options.onExit()
  }

  #beat(): void {
    const { lostAfterMs, owner } = this.#options.order
    const now = this.#elapsed
    if (now - this.#answered > lostAfterMs) this.giveUp(`its owner ${owner.name} was not heard for ${lostAfterMs} ms`)
    else this.#send([BEAT, now])
  }

  #tell(event: Told): void {
    if (this.#told.length >= MAX_TOLD && event.type !== 'exited') return
    this.#told.push(event)
    this.#send([TOLD, this.#told.length, event])
  }

  #goBy(stream: FrameStream): void {
    this.#output?.goBy({
      send: (fd, bytes) => this.#send([OUTPUT, fd, bytes]),
      get drained() {
        return stream.drained()
      },
    })
  }

  #send(frame: unknown): void {
    try {
      this.#stream?.send(frame)
    } catch (error) {
      this.#stream?.abort(error as Error)
    }
  }
}
