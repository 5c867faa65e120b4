import { outcomeOf } from '../../discovery/dial-outcome.ts'
import { outsideScopes } from '../../node/cancel-scope.ts'
import { describeError, type ProtocolError } from '../../node/errors.ts'
import type { Host } from '../../node/host.ts'
import type { Target } from '../../rpc/caller.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import type { Wire } from '../../rpc/wire.ts'
import { libp2pWire } from '../../rpc/wire.ts'
import { ORPHAN_GRACE_MS } from '../lifeline.ts'
import { LATE_END_MS, type PlacementTimes } from './placement-times.ts'
import {
  ACCEPTED,
  type Answered,
  type Asked,
  BEAT,
  BEAT_BACK,
  END,
  OUTPUT,
  parseHostFrame,
  PASS,
  PASSED,
  REFUSED,
  type RefusalCode,
  RESUME,
  SPAWN,
  SPAWN_PROTOCOL,
  type SpawnOrder,
  TOLD,
  type Told,
} from './spawn-protocol.ts'

/** Dials in a row that have to be refused before a host counts as ended: nobody listens where it did. */
export const HOST_REFUSALS = 3
/** Milliseconds before the first dial after a lost connection; doubled up to a beat. */
const FIRST_PAUSE_MS = 50

export interface LinkEvents {
  onAccepted(pid: number): void
  /** It was not started there, and will not be; `unreachable` when nothing certain was heard. */
  onRefused(code: RefusalCode | 'unreachable', why: string): void
  onTold(event: Told): void
  onPassed(message: Answered): void
  onOutput(fd: 1 | 2, bytes: Uint8Array): void
  /** Nothing more will be heard. @param goneInMs until it is surely gone there, if that host runs */
  onLost(how: string, goneInMs: number): void
}

export interface LinkOptions {
  readonly host: Target
  readonly placement: string
  readonly order: SpawnOrder
  readonly times: PlacementTimes
  readonly dialMs: number
  /** Until a host that has lost its owner has ended the actor. */
  readonly lostEndMs: number
  /** A stream to the host. */
  openWire(signal: AbortSignal): Promise<Wire>
  abortDeaf(withinMs: number): Promise<void>
}

/** A stream to a peer that may start actors for others. */
export async function openSpawnWire(
  host: Host,
  { id, addresses }: Target,
  signal: AbortSignal,
  blame: (error: ProtocolError) => void,
): Promise<Wire> {
  const connection = await host.reach(id, addresses, signal)
  return libp2pWire(await connection.newStream(SPAWN_PROTOCOL, { signal, runOnLimitedConnection: true }), { blame })
}

/**
 * One placement at one host, over as many streams as it takes: asks for it, answers the host's beats, dials anew when a stream is
 * lost, and gives up when nothing is heard for too long. Only a beat is answered, and the host counts from the sending of the
 * last beat that was: so in whichever direction the way is cut, both ends give up by themselves, the host not later.
 */
export class HostLink {
  readonly #options: LinkOptions
  readonly #events: LinkEvents
  readonly #dialling = new AbortController()
  #stream: FrameStream | undefined
  #state: 'dialling' | 'asked' | 'accepted' | 'over' = 'dialling'
  #reconnecting = false
  #heardAt = 0
  #heard = 0
  #end: { readonly by: string; readonly why: string } | undefined
  #watch: NodeJS.Timeout | undefined
  #wake: (() => void) | undefined
  #probing = false

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options
    this.#events = events
    void outsideScopes(async () => await this.#ask())
  }

  /** Asks the host to end the actor, now or as soon as it is reached again. */
  end(by: string, why: string): void {
    if (this.#end !== undefined || this.#state === 'over') return
    this.#end = { by, why }
    if (this.#state === 'dialling') this.#dialling.abort(new Error('it was given up'))
    else this.#send([END, by, why])
  }

  /** Dropped while the host cannot be reached: whoever asks has a bound. */
  pass(message: Asked): void {
    this.#send([PASS, message])
  }

  async #ask(): Promise<void> {
    const { order, placement, times } = this.#options
    try {
      const wire = await this.#open()
      if (this.#end !== undefined) {
        wire.abort(new Error('it was given up'))
        throw new Error('it was given up')
      }
      this.#attach(wire)
      this.#state = 'asked'
      this.#heardAt = performance.now()
      this.#watch = setInterval(() => this.#look(), times.beatMs)
      this.#send([SPAWN, placement, order])
    } catch (error) {
      this.#refuse('unreachable', whyUnreachable(error))
    }
  }

  async #open(): Promise<Wire> {
    const signal = AbortSignal.any([this.#dialling.signal, AbortSignal.timeout(this.#options.dialMs)])
    return await this.#options.openWire(signal)
  }

  #attach(wire: Wire): void {
    const stream: FrameStream = new FrameStream(wire, {
      onFrame: (frame) => {
        if (this.#stream === stream) this.#hear(frame)
      },
      onClose: () => {
        if (this.#stream !== stream) return
        this.#stream = undefined
        if (this.#state !== 'over') void outsideScopes(async () => await this.#reconnect())
      },
    })
    this.#stream = stream
  }

  #send(frame: unknown): void {
    try {
      this.#stream?.send(frame)
    } catch (error) {
      this.#stream?.abort(error as Error)
    }
  }

  #hear(wire: unknown): void {
    const frame = parseHostFrame(wire)
    this.#heardAt = performance.now()
    switch (frame.type) {
      case ACCEPTED:
        if (this.#state !== 'asked') return
        this.#state = 'accepted'
        this.#events.onAccepted(frame.pid)
        return
      case REFUSED:
        if (this.#state === 'asked') this.#refuse(frame.code, frame.why)
        else
          this.#lose(`its host ${this.#options.host.name} knows nothing of it any more`, ORPHAN_GRACE_MS + LATE_END_MS)
        return
      case BEAT:
        this.#send([BEAT_BACK, frame.beat])
        return
      case TOLD:
        if (frame.number !== this.#heard + 1) return
        this.#heard = frame.number
        if (frame.event.type === 'exited') this.#finish()
        this.#events.onTold(frame.event)
        return
      case PASSED:
        this.#events.onPassed(frame.message)
        return
      case OUTPUT:
        this.#events.onOutput(frame.fd, frame.bytes)
    }
  }

  /** Whether the host is silent, and for how long. */
  #look(): void {
    const { times, host, lostEndMs } = this.#options
    const silentMs = performance.now() - this.#heardAt
    if (silentMs > times.lostAfterMs)
      this.#lose(`nothing was heard of its host ${host.name} for ${times.lostAfterMs} ms`, lostEndMs)
    else if (silentMs > times.lostAfterMs / 2 && !this.#probing) void outsideScopes(async () => await this.#probe())
  }

  /** TCP would try for a quarter of an hour on a connection that leads nowhere any more. */
  async #probe(): Promise<void> {
    this.#probing = true
    try {
      await this.#options.abortDeaf(this.#options.times.beatMs)
    } finally {
      this.#probing = false
    }
  }

  async #reconnect(): Promise<void> {
    if (this.#reconnecting) return
    this.#reconnecting = true
    const { host, times, placement } = this.#options
    let refusals = 0
    for (let pause = FIRST_PAUSE_MS; this.#state !== 'over'; pause = Math.min(2 * pause, times.beatMs)) {
      try {
        const wire = await this.#open()
        if (this.#isOver) return wire.abort(new Error('it was given up'))
        this.#reconnecting = false
        this.#attach(wire)
        this.#send([RESUME, placement, this.#heard])
        if (this.#end !== undefined) this.#send([END, this.#end.by, this.#end.why])
        return
      } catch (error) {
        refusals = outcomeOf(error) === 'refused' ? refusals + 1 : 0
        if (refusals === HOST_REFUSALS)
          return this.#lose(`its host ${host.name} has ended`, ORPHAN_GRACE_MS + LATE_END_MS)
      }
      await this.#pause(pause)
    }
  }

  /** A reading that the compiler does not narrow over awaits. */
  get #isOver(): boolean {
    return this.#state === 'over'
  }

  async #pause(ms: number): Promise<void> {
    const over = Promise.withResolvers<void>()
    this.#wake = over.resolve
    const timer = setTimeout(over.resolve, ms)
    await over.promise
    clearTimeout(timer)
  }

  #refuse(code: RefusalCode | 'unreachable', why: string): void {
    if (this.#isOver) return
    this.#finish()
    this.#events.onRefused(code === 'unknown' ? 'unreachable' : code, why)
  }

  #lose(how: string, goneInMs: number): void {
    if (this.#isOver) return
    const { host } = this.#options
    if (this.#state === 'asked') return this.#refuse('unreachable', how.replace(`its host ${host.name}`, 'it'))
    this.#finish()
    this.#events.onLost(how, goneInMs)
  }

  #finish(): void {
    this.#state = 'over'
    clearInterval(this.#watch)
    this.#wake?.()
    this.#stream?.close()
    this.#stream = undefined
    this.#dialling.abort(new Error('it is over'))
  }
}

function whyUnreachable(error: unknown): string {
  if (error instanceof Error && error.name === 'UnsupportedProtocolError') return 'it starts no actors for others'
  return `it cannot be reached (${describeError(error).slice(0, 200)})`
}
