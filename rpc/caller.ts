import type { Connection } from '@libp2p/interface'
import type { ActorStats } from '../node/actor-stats.ts'
import { type CancelScope, currentScope, outsideScopes, untilCancelled } from '../node/cancel-scope.ts'
import { ActorDied, type ActorRef, ActorTooSlow, Cancelled, LimitExceeded } from '../node/errors.ts'
import { beginWait, endWait } from '../node/waits.ts'
import { type PartWire, startCall } from './argument-pumps.ts'
import { atMost, MAX_CONNECTING, type Outcome, readOutcomes, relayArguments, type RelayedCall } from './broadcast.ts'
import { builtinId } from './builtins.ts'
import type { Callee } from './callee.ts'
import type { Kinship } from './kinship.ts'
import { Lane, MAX_CALLS_WAITING } from './lane.ts'
import { awaitOutcome } from './pending-call.ts'
import { Places } from './places.ts'
import type { FunctionDescription } from './protocol.ts'
import { LANE_PROTOCOL, STREAM_PROTOCOL } from './protocol.ts'
import type { Stats } from './stats.ts'
import type { CallMade } from './under-way.ts'
import type { WireOwners } from './wire-owners.ts'
import { libp2pWire, memoryWires, type Wire } from './wire.ts'
import { type CallingHost, MAX_STREAMS_PER_PEER } from '../node/host.ts'

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

/** Connections that are tried for one new stream, when those before broke while it was being opened. */
const MAX_OPENING_ATTEMPTS = 3
/** Actors to which one look measures round trips. */
export const MAX_PINGED = 64
/** Milliseconds that a cut lane waits for its peer's supervisor to say how the peer died. */
const OBITUARY_MS = 500

/** The calling side of this process: one lane to each actor that it calls, dialled at the first call. */
export class Caller {
  readonly #host: CallingHost
  readonly self: ActorRef
  readonly #callee: Callee
  readonly #kinship: Kinship
  readonly #owners: WireOwners
  readonly #stats: Stats
  readonly #lanes = new Map<string, Lane>()
  readonly #cancelledHere = new Set<string>()
  readonly #deaths = new Map<string, Promise<ActorDied | undefined>>()
  readonly #connecting = new Places(
    MAX_CONNECTING,
    MAX_CALLS_WAITING,
    () => new LimitExceeded('MAX_CALLS_WAITING', `${MAX_CALLS_WAITING} calls of broadcasts wait to be connected`),
  )
  #lastId = 0
  readonly #nextId = (): number => ++this.#lastId

  /** @param callee this process's own, for an actor that calls itself */
  constructor(host: CallingHost, self: ActorRef, callee: Callee, kinship: Kinship, owners: WireOwners, stats: Stats) {
    this.#host = host
    this.self = self
    this.#callee = callee
    this.#kinship = kinship
    this.#owners = owners
    this.#stats = stats
  }

  /** Calls a function that answers with one value, in a way that takes arguments which stream. */
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

  /**
   * Calls a function in several actors below a root, with one message to it.
   *
   * @returns the outcomes in the order of the ids
   */
  async relay(root: Target, ids: readonly string[], call: RelayedCall): Promise<Outcome[]> {
    const scope = currentScope()
    const lane = await this.#laneInTurn(root, scope)
    const turn = lane.relays.take(scope)
    if (turn !== undefined) await turn
    try {
      const request = await lane.start(call.functionId, relayArguments(ids, call), 'relay', scope)
      return readOutcomes(await awaitOutcome(request, scope), ids.length)
    } finally {
      lane.relays.give()
    }
  }

  /** Calls a function in one of several actors, when those that are being connected to have had their turn. */
  async callInTurn(target: Target, { functionId, args, timeoutMs }: RelayedCall): Promise<unknown> {
    return await atMost(timeoutMs, async () => {
      const scope = currentScope()
      await this.#laneInTurn(target, scope)
      return await this.call(target, functionId, args, scope)
    })
  }

  async #laneInTurn(target: Target, scope: CancelScope): Promise<Lane> {
    const lane = this.#lanes.get(target.id)
    if (lane?.live === true) return lane
    const turn = this.#connecting.take(scope)
    if (turn !== undefined) await turn
    try {
      return await this.laneTo(target, scope)
    } finally {
      this.#connecting.give()
    }
  }

  /** Asks an actor to end. @throws ActorTooSlow when it does not acknowledge within `ackMs` */
  async cancelActor(target: Target, ackMs: number, reason?: string): Promise<void> {
    const scope = currentScope()
    const lane = await this.laneTo(target, scope)
    this.#cancelledHere.add(target.id)
    const { outcome } = lane.cancelActor(
      new Cancelled(this.self.name, reason ?? `${this.self.name} cancelled ${target.name}`),
    )
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

  async stats(target: Target): Promise<ActorStats> {
    const scope = currentScope()
    const lane = await this.laneTo(target, scope)
    return await untilCancelled(scope, lane.readStats())
  }

  /** Milliseconds of a round trip to each of several actors that there are connections to, of those that answer in time. */
  async roundTrips(peers: readonly ActorRef[], withinMs: number): Promise<Map<string, number>> {
    const found = new Map<string, number>()
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, withinMs)
    const scope = currentScope()
    const pings = peers.slice(0, MAX_PINGED).map(async ({ name, id }) => {
      const lane = await this.laneTo({ name, id, addresses: [] }, scope)
      const sent = performance.now()
      const call = await lane.start(builtinId('ping'), [], 'value', scope)
      void late.promise.then(() => call.cancel(new Cancelled(this.self.name, 'its answer is late')))
      await call.outcome
      found.set(id, performance.now() - sent)
    })
    await Promise.race([Promise.allSettled(pings), late.promise])
    clearTimeout(timer)
    late.resolve()
    return new Map(found)
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

  /** The calls that have no outcome yet. */
  underWay(): CallMade[] {
    return [...this.#lanes.values()].flatMap((lane) => [...lane.underWay()])
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.close()
    this.#lanes.clear()
  }

  /**
   * The lane to an actor, which takes calls at once and is being opened when there was none; nothing when the actor may
   * be one that is being restarted, so that there is something to wait for first.
   */
  laneNow(target: Target): Lane | undefined {
    const lane = this.#lanes.get(target.id)
    const { comeback } = target
    if (comeback === undefined) return lane ?? this.#newLane(target)
    return lane?.live === true && comeback.pending() === undefined ? lane : undefined
  }

  /** The lane to an actor, opened if need be. @throws ActorDied when nobody answers there */
  async laneTo(target: Target, scope: CancelScope): Promise<Lane> {
    const { comeback } = target
    if (comeback === undefined) return await this.#laneTo(target, scope)
    for (;;) {
      const pending = comeback.pending()
      if (pending !== undefined) await this.#untilUp(target, scope, pending)
      const { name, id, addresses } = target
      try {
        return await this.#laneTo({ name, id, addresses }, scope)
      } catch (error) {
        // Nothing was sent yet: the call may as well go to the next incarnation.
        if (!(error instanceof ActorDied && (await untilCancelled(scope, comeback.hasEnded(id))))) throw error
      }
    }
  }

  async #untilUp({ name }: Target, scope: CancelScope, pending: Promise<void>): Promise<void> {
    const wait = beginWait(`waiting for ${name} to be up again`)
    try {
      await untilCancelled(scope, pending)
    } finally {
      endWait(wait)
    }
  }

  async #laneTo(target: Target, scope: CancelScope): Promise<Lane> {
    scope.throwIfCancelled()
    const lane = this.#lanes.get(target.id) ?? this.#newLane(target)
    await untilCancelled(scope, lane.opened)
    return lane
  }

  #newLane({ name, id, addresses }: Target): Lane {
    const peer = { name, id }
    const lane = new Lane({
      peer,
      nextId: this.#nextId,
      acquaintance: this.#kinship.meet(id),
      stats: this.#stats,
      onClose: async () => {
        this.#forget(id, lane)
        return await this.#obituary(id)
      },
      openPart: async (scope) => await this.openPart({ ...peer, addresses }, scope),
    })
    this.#lanes.set(id, lane)
    // In no scope: that of its first caller is not the one of others who use the lane.
    void outsideScopes(async () => await this.#open(lane, { ...peer, addresses }))
    return lane
  }

  async #open(lane: Lane, target: Target): Promise<void> {
    try {
      lane.open(await this.openWire(target, LANE_PROTOCOL))
    } catch (error) {
      this.#forget(target.id, lane)
      lane.fail(error as Error)
    }
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

  #forget(id: string, lane: Lane): void {
    if (this.#lanes.get(id) === lane) this.#lanes.delete(id)
  }

  /** A new stream to an actor. @throws ActorDied when nobody answers there */
  async openWire(target: Target, protocol: string, scope?: CancelScope): Promise<Wire> {
    if (target.id === this.self.id) return this.#loopback(protocol)
    for (let attempt = 1; ; attempt++) {
      let connection: Connection | undefined
      try {
        connection = await this.#host.reach(target.id, target.addresses, scope?.signal)
        const stream = await connection.newStream(protocol, scope === undefined ? {} : { signal: scope.signal })
        return libp2pWire(stream, this.#owners.of(target.id))
      } catch (cause) {
        scope?.throwIfCancelled()
        // The connection that was chosen was about to end: another one may live, or can be made.
        if (attempt < MAX_OPENING_ATTEMPTS && connection !== undefined && connection.status !== 'open') continue
        throw refusal(target, connection, cause)
      }
    }
  }

  /** A new stream for a part of a call that has started. @throws ActorDied when nobody answers there: the call may have run */
  async openPart(target: Target, scope: CancelScope): Promise<PartWire> {
    try {
      return await this.#openPart(target, scope)
    } catch (error) {
      if (!(error instanceof ActorDied) || error.mayHaveRun) throw error
      const how = 'a stream of the call could not be opened; the call may have run'
      throw new ActorDied(target, how, { cause: error, mayHaveRun: true, lost: error.lost })
    }
  }

  async #openPart(target: Target, scope: CancelScope): Promise<PartWire> {
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
    const [near, far] = memoryWires(this.#stats)
    if (protocol === LANE_PROTOCOL) this.#callee.acceptLane(far, this.self.id)
    else this.#callee.acceptStream(far, this.self.id)
    return near
  }
}

function refusal(target: Target, connection: Connection | undefined, cause: unknown): Error {
  if (cause instanceof Error && cause.name === 'TooManyOutboundProtocolStreamsError')
    return new LimitExceeded(
      'MAX_STREAMS_PER_PEER',
      `${MAX_STREAMS_PER_PEER} streaming calls to ${target.name} are open: end or leave some of them`,
    )
  const how = connection?.status === 'open' ? 'it is connected, but refused the stream' : 'it cannot be reached'
  return new ActorDied(target, `${how}; the call was not sent`, { cause, mayHaveRun: false, lost: true })
}
