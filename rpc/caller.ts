import { type CancelScope, currentScope, untilCancelled } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, ActorTooSlow, Cancelled, LimitExceeded } from '../node/errors.ts'
import { type PartWire, startCall } from './argument-pumps.ts'
import type { Callee } from './callee.ts'
import type { Kinship } from './kinship.ts'
import { awaitOutcome, Lane } from './lane.ts'
import type { Misconduct } from './misconduct.ts'
import type { FunctionDescription } from './protocol.ts'
import { LANE_PROTOCOL, STREAM_PROTOCOL } from './protocol.ts'
import { libp2pWire, memoryWires, type Wire } from './wire.ts'
import { type Host, MAX_STREAMS_PER_PEER } from '../node/host.ts'

/** An actor and where it listens. */
export interface Target extends ActorRef {
  readonly addresses: readonly string[]
  /** Of an actor that its supervisor, in this process, restarts. */
  readonly comeback?: Comeback
}

/** Lets calls wait for the next incarnation of an actor; id and addresses of its target are those of the latest one. */
export interface Comeback {
  /** While the actor is down: resolves when it is up again, rejects when it stays down. */
  pending(): Promise<void> | undefined
  /** Whether the incarnation that could not be reached is known, after a short wait, to have ended. */
  hasEnded(id: string): Promise<boolean>
}

/** Milliseconds that a cut lane waits for its peer's supervisor to say how the peer died. */
const OBITUARY_MS = 500

/** The calling side of this process: one lane to each actor that it calls, dialled at the first call. */
export class Caller {
  readonly #host: Host
  readonly self: ActorRef
  readonly #callee: Callee
  readonly #kinship: Kinship
  readonly #misconduct: Misconduct
  readonly #lanes = new Map<string, Promise<Lane>>()
  readonly #cancelledHere = new Set<string>()
  readonly #deaths = new Map<string, Promise<ActorDied | undefined>>()
  #lastId = 0

  /** @param callee this process's own, for an actor that calls itself */
  constructor(host: Host, self: ActorRef, callee: Callee, kinship: Kinship, misconduct: Misconduct) {
    this.#host = host
    this.self = self
    this.#callee = callee
    this.#kinship = kinship
    this.#misconduct = misconduct
  }

  /** Calls a function that answers with one value. */
  async call(target: Target, functionId: string, args: readonly unknown[], scope: CancelScope): Promise<unknown> {
    const call = await startCall(args, {
      self: this.self,
      scope,
      start: async (values, streams) => {
        const lane = await this.laneTo(target, scope)
        return await lane.start(functionId, values, 'value', scope, streams)
      },
      openPart: async () => await this.openPart(target, scope),
    })
    return await awaitOutcome(call, scope)
  }

  /** Asks an actor to end. @throws ActorTooSlow when it does not acknowledge within `ackMs` */
  async cancelActor(target: Target, ackMs: number): Promise<void> {
    const scope = currentScope()
    const lane = await this.laneTo(target, scope)
    this.#cancelledHere.add(target.id)
    const { outcome } = lane.cancelActor(new Cancelled(this.self.name, `${this.self.name} cancelled ${target.name}`))
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new ActorTooSlow(target, ackMs)), ackMs)
    try {
      await untilCancelled(scope, Promise.race([outcome, late.promise]))
    } finally {
      clearTimeout(timer)
    }
  }

  /** Whether a child of this process was asked to end through a portal of this process. */
  hasCancelled(id: string): boolean {
    return this.#cancelledHere.has(id)
  }

  async describe(target: Target): Promise<FunctionDescription[]> {
    const scope = currentScope()
    const lane = await this.laneTo(target, scope)
    return await untilCancelled(scope, lane.describe())
  }

  /** Connects if need be. @throws ActorDied when nobody answers there */
  async reach(target: Target): Promise<void> {
    await this.laneTo(target, currentScope())
  }

  /** Lets the supervisor of an actor, who sees its exit, tell the callers here how it died. */
  explainDeath(id: string, death: Promise<ActorDied | undefined>): void {
    this.#deaths.set(id, death)
    const forget = (): void => {
      this.#deaths.delete(id)
      this.#cancelledHere.delete(id)
    }
    void death.finally(() => setTimeout(forget, OBITUARY_MS).unref())
  }

  async close(): Promise<void> {
    const lanes = await Promise.allSettled(this.#lanes.values())
    for (const lane of lanes) if (lane.status === 'fulfilled') lane.value.close()
  }

  /** The lane to an actor, opened if need be. @throws ActorDied when nobody answers there */
  async laneTo(target: Target, scope: CancelScope): Promise<Lane> {
    const { comeback } = target
    if (comeback === undefined) return await this.#laneTo(target, scope)
    for (;;) {
      const pending = comeback.pending()
      if (pending !== undefined) await untilCancelled(scope, pending)
      const { name, id, addresses } = target
      try {
        return await this.#laneTo({ name, id, addresses }, scope)
      } catch (error) {
        // Nothing was sent yet: the call may as well go to the next incarnation.
        if (!(error instanceof ActorDied && (await untilCancelled(scope, comeback.hasEnded(id))))) throw error
      }
    }
  }

  async #laneTo(target: Target, scope: CancelScope): Promise<Lane> {
    scope.throwIfCancelled()
    let lane = this.#lanes.get(target.id)
    if (lane === undefined) {
      lane = this.#openLane(target)
      this.#lanes.set(target.id, lane)
      lane.catch(() => this.#forget(target.id, lane))
    }
    return await untilCancelled(scope, lane)
  }

  /** Not bound to the scope of the first caller: others may be waiting for the same lane. */
  async #openLane(target: Target): Promise<Lane> {
    const wire = await this.openWire(target, LANE_PROTOCOL)
    const lane: Lane = new Lane(
      wire,
      { name: target.name, id: target.id },
      () => ++this.#lastId,
      async () => {
        this.#lanes.delete(target.id)
        return await this.#obituary(target.id)
      },
      this.#kinship.meet(target.id),
    )
    return lane
  }

  async #obituary(id: string): Promise<ActorDied | undefined> {
    const death = this.#deaths.get(id)
    if (death === undefined) return undefined
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), OBITUARY_MS)
    try {
      return await Promise.race([death, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  #forget(id: string, lane: Promise<Lane> | undefined): void {
    if (this.#lanes.get(id) === lane) this.#lanes.delete(id)
  }

  /** A new stream to an actor. @throws ActorDied when nobody answers there */
  async openWire(target: Target, protocol: string, scope?: CancelScope): Promise<Wire> {
    if (target.id === this.self.id) return this.#loopback(protocol)
    try {
      const connection = await this.#host.connect(target.id, target.addresses, scope?.signal)
      const stream = await connection.newStream(protocol, scope === undefined ? {} : { signal: scope.signal })
      return libp2pWire(stream, (error) => this.#misconduct.breach(target.id, error))
    } catch (cause) {
      scope?.throwIfCancelled()
      if (cause instanceof Error && cause.name === 'TooManyOutboundProtocolStreamsError')
        throw new LimitExceeded(
          'MAX_STREAMS_PER_PEER',
          `${MAX_STREAMS_PER_PEER} streaming calls to ${target.name} are open: end or leave some of them`,
        )
      throw new ActorDied(target, 'it cannot be reached', { cause })
    }
  }

  /** A new stream for a part of a call that has started. */
  async openPart(target: Target, scope: CancelScope): Promise<PartWire> {
    const lane = await this.laneTo(target, scope)
    const turn = lane.openings.take(scope)
    if (turn !== undefined) await turn
    try {
      return { wire: await this.openWire(target, STREAM_PROTOCOL, scope), peer: lane }
    } finally {
      lane.openings.give()
    }
  }

  /** libp2p does not dial its own node: an actor that calls itself does so through memory. */
  #loopback(protocol: string): Wire {
    const [near, far] = memoryWires()
    if (protocol === LANE_PROTOCOL) this.#callee.acceptLane(far, this.self.id)
    else this.#callee.acceptStream(far, this.self.id)
    return near
  }
}
