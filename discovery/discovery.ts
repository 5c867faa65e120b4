import type { CancelScope } from '../node/cancel-scope.ts'
import { GreenroomError, describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import type { Identity } from '../node/identity.ts'
import { areaLog } from '../node/log.ts'
import { PerActor } from '../node/per-actor.ts'
import type { Target } from '../rpc/caller.ts'
import type { Rpc } from '../rpc/rpc.ts'
import { targetOf } from './actor-info.ts'
import { step } from './core/core.ts'
import type { Effect, Event } from './core/effect.ts'
import type { DialOutcome, Input, PeerHint, TimerName } from './core/input.ts'
import { encodeMessage } from './core/messages.ts'
import { declareQuorum, type KeptVotes } from './core/quorum.ts'
import { createCore } from './core/state.ts'
import type { CoreState } from './core/state.ts'
import { isSecretRefused, outcomeOf } from './dial-outcome.ts'
import { describeElectorate } from './electorate-problem.ts'
import { Intake, type Refusals } from './intake.ts'
import { MeshGossip } from './mesh-gossip.ts'
import { Neighbours } from './neighbours.ts'
import type { Observation } from './observation.ts'
import type { OwnMetadata } from './own-metadata.ts'
import { OwnRecord } from './own-record.ts'
import type { Profile } from './profile.ts'
import { openRecord } from './record.ts'
import { Reigns } from './reigns.ts'
import type { Rendezvous } from './rendezvous.ts'
import { ShellClock } from './shell-clock.ts'
import { type DiscoveryTraffic, newTraffic } from './traffic.ts'
import type { VoteFile } from './vote-file.ts'

export interface DiscoveryOptions {
  readonly host: Host
  readonly identity: Identity
  readonly rpc: Rpc
  /** The actor's. */
  readonly scope: CancelScope
  readonly self: Target
  /** Peer id of the tree's top actor: this one's own for a root. */
  readonly root: string
  readonly mesh: string
  readonly parent?: Target | undefined
  /** Incarnation of the parent: a child's is never lower. */
  readonly parentInc?: number | undefined
  readonly modules: readonly string[]
  readonly metadata: OwnMetadata
  readonly profile: Profile
  readonly rendezvous?: Rendezvous | undefined
  /** The declared electorate: names of electors, or how many; default elastic. */
  readonly quorum?: readonly string[] | number | undefined
  /** A root's own, in a declared electorate. */
  readonly votes?: VoteFile | undefined
  /** Called before anything happens. */
  readonly onCreated?: (discovery: Discovery) => void
  /** Roots elsewhere that were named beforehand; this actor itself may be among them. */
  readonly join?: readonly PeerHint[] | undefined
}

/** The discovery layer of one actor: the pure core with libp2p, timers and the rendezvous around it. */
export interface Discovery {
  readonly self: Target
  readonly rpc: Rpc
  readonly mesh: string
  /** Peer id of the top actor of this tree. */
  readonly root: string
  /** The actor's: what waits for others ends with it, also in a scope that is older than the actor. */
  readonly scope: CancelScope
  /** Incarnation of this actor. */
  readonly inc: number
  /** The core's state, to read from. */
  readonly state: CoreState
  /** What others sent and this actor refused, counted. */
  readonly refusals: Refusals
  /** What has gone over gossip and over the streams to neighbours. */
  readonly traffic: DiscoveryTraffic
  /** Who has ruled, as far as this actor knows. */
  readonly reigns: Reigns
  /** What this actor says of itself. */
  readonly metadata: OwnMetadata
  /** The clock that the core lives by, in milliseconds: ask the core with no other one. */
  now(): number
  /** Resolves when the registry of a parent, or of another root, was taken over, or nobody else is there. */
  joined(): Promise<void>
  /** Hears everything that happens; gives the function that unlinks. */
  onEvent(listener: (event: Observation) => void): () => void
  /** A look-up's dial failed: the entry leaves the registry unless its owner refutes that. */
  lookupFailed(peerId: string): void
  /** These peers are banned, and nobody else any more: they and what is below them are gone. */
  ban(peerIds: readonly string[]): void
  /** Lets the listeners hear of something that others of this layer have seen. */
  report(event: Observation): void
  /** Addresses of roots that may not be known yet. */
  hint(peers: readonly PeerHint[]): void
  /** This process's child is gone: nobody else knows as early. */
  childEnded(peerId: string): void
  /** Begins to want a name, with a new id; events tell what becomes of it. */
  claim(id: number, name: string): void
  /** Gives a claim up. */
  unclaim(id: number): void
  /** Says goodbye. */
  leave(): void
  close(): Promise<void>
}

const discoveries = new PerActor<Discovery>()

/** @throws GreenroomError `NO_ACTOR` when this process is no actor */
export function currentDiscovery(): Discovery {
  const { current } = discoveries
  if (current === undefined)
    throw new GreenroomError(
      'NO_ACTOR',
      'no actor is running in this process: call it inside run() or after joinMesh()',
    )
  return current
}

/** Starts discovery for the actor of this process and makes it the current one. */
export async function startDiscovery(options: DiscoveryOptions): Promise<Discovery> {
  const shell = new Shell(options)
  options.onCreated?.(shell)
  try {
    await shell.start()
  } catch (error) {
    await shell.close()
    throw error
  }
  return shell
}

class Shell implements Discovery {
  readonly self: Target
  readonly rpc: Rpc
  readonly scope: CancelScope
  readonly mesh: string
  readonly root: string
  readonly inc: number
  readonly reigns: Reigns = new Reigns()
  readonly state: CoreState
  readonly metadata: OwnMetadata
  readonly traffic = newTraffic()
  readonly #options: DiscoveryOptions
  readonly #neighbours: Neighbours
  readonly #gossip: MeshGossip
  readonly #record: OwnRecord
  readonly #timers = new Map<TimerName, NodeJS.Timeout>()
  readonly #listeners = new Set<(event: Observation) => void>()
  readonly #joined = Promise.withResolvers<void>()
  readonly #inputs: Input[] = []
  readonly #log = areaLog('discovery')
  readonly #intake: Intake
  readonly #clock = new ShellClock()
  #started = false
  #busy = false
  #closed = false
  #unwatch: (() => void) | undefined
  readonly #resign: () => void
  #rejoin: NodeJS.Timeout | undefined

  constructor(options: DiscoveryOptions) {
    this.#options = options
    this.self = options.self
    this.rpc = options.rpc
    this.scope = options.scope
    this.mesh = options.mesh
    this.root = options.root
    this.inc = Math.max(Date.now(), options.parentInc ?? 0)
    const { profile, quorum } = options
    this.state = createCore({ profile, quorum: quorum === undefined ? undefined : declareQuorum(quorum) })
    this.metadata = options.metadata
    this.#record = new OwnRecord(options, () => this.#feed({ type: 'changed' }))
    this.#intake = new Intake({
      open: (signed) => openRecord(signed, options.mesh, (peerId) => this.state.registry.kept(peerId)?.signed),
      onMessage: (from, via, message) => this.#feed({ type: 'message', from, via, message }),
      onBreach: (peerId, error) => options.rpc.breach(peerId, error),
    })
    this.#gossip = new MeshGossip(options.host, options.mesh, this.#intake, this.traffic, (peerId) =>
      this.#feed({ type: 'subscribed', peerId }),
    )
    this.#neighbours = new Neighbours(options.host, this.traffic, {
      onConnected: (peerId) => {
        this.#feed({ type: 'connected', peerId })
        this.#tell({ type: 'linkUp', peerId })
      },
      onDisconnected: (peerId) => {
        this.#feed({ type: 'disconnected', peerId })
        this.#tell({ type: 'linkDown', peerId })
      },
      onMessage: (peerId, message, bytes) => void this.#intake.take(peerId, 'stream', message, bytes),
      onBreach: (peerId, error) => options.rpc.breach(peerId, error),
    })
    options.rpc.serveRelays((peerId) => {
      const record = this.state.registry.get(peerId)
      return record?.root === this.self.id ? targetOf(record) : undefined
    })
    options.rpc.onBreach((peerId, error) => this.#tell({ type: 'breach', peerId, why: error.message }))
    this.#resign = discoveries.set(this, options.scope)
  }

  async start(): Promise<void> {
    const {
      host,
      parent,
      rendezvous,
      identity: { resumed },
    } = this.#options
    this.#gossip.subscribe()
    await this.#neighbours.listen()
    const peers = await this.#meet(parent, rendezvous)
    const own = this.#record.sign({ inc: this.inc, rev: 0, seq: 0 }, 'up')
    this.#begin({ type: 'start', own, expectPeers: peers.length > 0, votes: this.#options.votes?.votes, resumed })
    this.#feed({ type: 'peers', peers })
    this.#unwatch = rendezvous?.watch((entries) => {
      const others = entries.filter((entry) => entry.peerId !== host.peerId)
      this.#feed({ type: 'peers', peers: others.map(({ peerId, addrs }) => ({ peerId, addrs })) })
    })
    const { join = [], profile } = this.#options
    // they may have been down, or cut off, when this actor started: the core passes over those that it knows
    if (join.length > 0) this.#rejoin = setInterval(() => this.#feed({ type: 'peers', peers: join }), profile.lostRetry)
  }

  get refusals(): Refusals {
    return this.#intake.refusals
  }

  now(): number {
    return this.#clock.now()
  }

  async joined(): Promise<void> {
    await this.#joined.promise
  }

  onEvent(listener: (event: Observation) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  lookupFailed(peerId: string): void {
    this.#feed({ type: 'lookupFailed', peerId })
  }

  ban(peerIds: readonly string[]): void {
    const banned = new Set(peerIds)
    // by the records that are about to go
    const below = [...this.state.registry.actors()].filter(({ root }) => banned.has(root)).map(({ peerId }) => peerId)
    this.#feed({ type: 'banned', peerIds })
    this.#options.host.ban(new Set([...peerIds, ...below].filter((peerId) => peerId !== this.self.id)))
  }

  report(event: Observation): void {
    this.#tell(event)
  }

  hint(peers: readonly PeerHint[]): void {
    this.#feed({ type: 'peers', peers })
  }

  childEnded(peerId: string): void {
    this.#feed({ type: 'childExited', peerId })
  }

  claim(id: number, name: string): void {
    this.#feed({ type: 'claim', id, name })
  }

  unclaim(id: number): void {
    this.#feed({ type: 'unclaim', ids: [id] })
  }

  leave(): void {
    this.#feed({ type: 'leave' })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    // clean-up that came before this still had the names
    if (this.#started) this.#feed({ type: 'unclaim' })
    this.#closed = true
    this.#unwatch?.()
    clearInterval(this.#rejoin)
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#neighbours.close()
    this.#intake.close()
    this.#gossip.close()
    this.#resign()
    await this.#options.rendezvous?.close()
    await this.#options.votes?.close()
  }

  /** Writes first and reads then: of two programs that start at the same moment, one at least sees the other. */
  async #meet(parent: Target | undefined, rendezvous: Rendezvous | undefined): Promise<PeerHint[]> {
    if (parent !== undefined) return [{ peerId: parent.id, addrs: parent.addresses, eager: true }]
    const { join = [] } = this.#options
    if (rendezvous === undefined) return [...join]
    const { id, addresses, name } = this.self
    await rendezvous.announce({ peerId: id, addrs: addresses, name })
    const entries = await rendezvous.entries()
    return [...entries.map(({ peerId, addrs }) => ({ peerId, addrs })), ...join].filter(({ peerId }) => peerId !== id)
  }

  /** One input after another: what an effect feeds back waits until the effects before it are carried out. */
  #feed(input: Input): void {
    this.#inputs.push(input)
    if (this.#started && !this.#busy) this.#drain()
  }

  /** Others may connect as soon as this actor listens: what they say waits until the core has had its first input. */
  #begin(input: Input): void {
    this.#started = true
    this.#inputs.unshift(input)
    this.#drain()
  }

  #drain(): void {
    this.#busy = true
    try {
      for (let input = this.#inputs.shift(); input !== undefined && !this.#closed; input = this.#inputs.shift())
        for (const effect of step(this.state, this.#clock.now(), Math.random, input)) this.#perform(effect)
    } finally {
      this.#busy = false
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.#neighbours.send(effect.to, encodeMessage(effect.message))
        return
      case 'publish':
        this.#gossip.publish(effect.message)
        return
      case 'drop':
        this.#neighbours.drop(effect.peerId)
        if (effect.deaf) this.#abortDeaf(effect.peerId)
        return
      case 'dial':
        void this.#dial(effect.peerId, effect.addrs, effect.within)
        return
      case 'setTimer':
        this.#setTimer(effect.name, effect.at)
        return
      case 'clearTimer':
        clearTimeout(this.#timers.get(effect.name))
        return
      case 'sign':
        this.#feed({ type: 'own', own: this.#record.sign(effect, effect.status) })
        return
      case 'persist':
        void this.#persist(effect.id, effect.votes)
        return
      case 'emit':
        this.#emit(effect.event)
    }
  }

  async #persist(id: number, kept: KeptVotes): Promise<void> {
    const { votes } = this.#options
    try {
      if (votes === undefined) throw new Error('it has no vote file')
      await votes.write(kept)
      this.#feed({ type: 'persisted', id })
    } catch (error) {
      this.#log.error(`elector '${this.self.name}' does not vote: ${describeError(error)}`)
      this.#feed({ type: 'persistFailed', id })
    }
  }

  async #dial(peerId: string, addrs: readonly string[], within: number): Promise<void> {
    let outcome: DialOutcome = 'reached'
    try {
      await this.#neighbours.open(peerId, addrs, within)
    } catch (error) {
      outcome = outcomeOf(error)
      this.#log.debug(`dial of ${peerId.slice(-8)} ${outcome}: ${describeError(error)}`)
      if (isSecretRefused(error)) this.#tell({ type: 'strange', peerId, addrs })
    }
    this.#feed({ type: 'dialled', peerId, outcome })
  }

  #setTimer(name: TimerName, at: number): void {
    clearTimeout(this.#timers.get(name))
    const timer = setTimeout(() => this.#feed({ type: 'timer', name }), Math.max(0, at - this.#clock.now()))
    this.#timers.set(name, timer)
  }

  /** A dead program cannot remove its own entry from the rendezvous. */
  #forget(peerId: string): void {
    this.#options.rendezvous?.forget(peerId).catch((error: unknown) => {
      this.#log.debug(`a stale rendezvous entry stays: ${describeError(error)}`)
    })
  }

  #noteReign({ token, provisional }: Event & { readonly type: 'arbiter' }): void {
    const { registry, election } = this.state
    const arbiter = token && { name: registry.get(token.peerId)?.name ?? '', id: token.peerId }
    this.reigns.note({ since: Date.now(), term: token?.term ?? election.term, arbiter, provisional })
  }

  #onDown({ record: { peerId }, why }: Event & { readonly type: 'down' }): void {
    if (why === 'dead') this.#forget(peerId)
    // calls to the dead end with their connection, and who comes back is reached over a new one
    if (why === 'dead' || why === 'subtree') this.#abortDeaf(peerId)
  }

  #abortDeaf(peerId: string): void {
    const { host, profile } = this.#options
    if (host.isConnected(peerId)) void host.abortDeaf(peerId, profile.dialTimeout)
  }

  #tell(event: Observation): void {
    for (const listener of this.#listeners) listener(event)
  }

  #emit(event: Event): void {
    if (event.type === 'joined') this.#joined.resolve()
    else if (event.type === 'seedLost' && event.outcome === 'refused') this.#forget(event.peerId)
    else if (event.type === 'down') this.#onDown(event)
    else if (event.type === 'electorate') this.#log.error(describeElectorate(event.problem, event.names))
    else if (event.type === 'arbiter') this.#noteReign(event)
    else if (event.type === 'conflict') this.#log.error('another process lives with the identity of this actor')
    this.#log.trace(show(event))
    this.#tell(event)
  }
}

function show(event: Event): string {
  if (event.type === 'arbiter')
    return event.token === null ? 'no arbiter' : `arbiter ${event.token.peerId.slice(-8)} in term ${event.token.term}`
  return 'record' in event && event.record !== undefined ? `${event.type} ${event.record.name}` : event.type
}
