import type { CancelScope } from '../node/cancel-scope.ts'
import { describeError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { Target } from '../rpc/caller.ts'
import type { Rpc } from '../rpc/rpc.ts'
import { targetOf } from './actor-info.ts'
import { Consequences } from './consequences.ts'
import { CoreLoop, type OutwardEffect } from './core-loop.ts'
import type { DialOutcome, Input, PeerHint } from './core/input.ts'
import { encodeMessage } from './core/messages.ts'
import { declareQuorum, type KeptVotes } from './core/quorum.ts'
import { createCore, type CoreState } from './core/state.ts'
import { isSecretRefused, outcomeOf } from './dial-outcome.ts'
import { type Discovery, type DiscoveryOptions, makeCurrent } from './discovery.ts'
import { Intake, type Refusals } from './intake.ts'
import { MeshGossip } from './mesh-gossip.ts'
import { Neighbours } from './neighbours.ts'
import type { Observation } from './observation.ts'
import type { OwnMetadata } from './own-metadata.ts'
import { OwnRecord } from './own-record.ts'
import { openRecord } from './record.ts'
import type { Reigns } from './reigns.ts'
import type { Rendezvous } from './rendezvous.ts'
import { newTraffic } from './traffic.ts'

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

/** Milliseconds for which an actor that has moved tells each new neighbour of its addresses. */
export const RETELL_MS = 60_000

/** Carries out with libp2p, files and the rendezvous what the core of one actor asks for, and tells it what came of it. */
class Shell implements Discovery {
  readonly self: Target
  readonly rpc: Rpc
  readonly scope: CancelScope
  readonly mesh: string
  readonly root: string
  readonly inc: number
  readonly state: CoreState
  readonly metadata: OwnMetadata
  readonly traffic = newTraffic()
  readonly #options: DiscoveryOptions
  readonly #core: CoreLoop
  readonly #consequences: Consequences
  readonly #neighbours: Neighbours
  readonly #gossip: MeshGossip
  readonly #record: OwnRecord
  readonly #listeners = new Set<(event: Observation) => void>()
  readonly #log = areaLog('discovery')
  readonly #intake: Intake
  readonly #resign: () => void
  #closed = false
  #unwatch: (() => void) | undefined
  #rejoin: NodeJS.Timeout | undefined
  /** On the clock of the core. */
  #retellUntil = -Infinity
  #retelling: NodeJS.Timeout | undefined

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
    this.#core = new CoreLoop(this.state, (effect) => this.#perform(effect))
    this.#consequences = new Consequences(this.state, options)
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
        if (this.now() < this.#retellUntil) this.#retell()
        this.report({ type: 'linkUp', peerId })
      },
      onDisconnected: (peerId) => {
        this.#feed({ type: 'disconnected', peerId })
        this.report({ type: 'linkDown', peerId })
      },
      onMessage: (peerId, message, bytes) => void this.#intake.take(peerId, 'stream', message, bytes),
      onBreach: (peerId, error) => options.rpc.breach(peerId, error),
    })
    options.rpc.serveRelays((peerId) => {
      const record = this.state.registry.get(peerId)
      return record?.root === this.self.id ? targetOf(record) : undefined
    })
    options.rpc.onBreach((peerId, error) => this.report({ type: 'breach', peerId, why: error.message }))
    this.#resign = makeCurrent(this)
  }

  async start(): Promise<void> {
    const {
      host,
      parent,
      rendezvous,
      identity: { resumed },
    } = this.#options
    host.follow((peerId) => this.state.registry.get(peerId)?.addrs)
    this.#gossip.subscribe()
    await this.#neighbours.listen()
    const peers = await this.#meet(parent, rendezvous)
    const own = this.#record.sign({ inc: this.inc, rev: 0, seq: 0 }, 'up')
    this.#core.begin({ type: 'start', own, expectPeers: peers.length > 0, votes: this.#options.votes?.votes, resumed })
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

  get reigns(): Reigns {
    return this.#consequences.reigns
  }

  now(): number {
    return this.#core.now()
  }

  async joined(): Promise<void> {
    await this.#consequences.joined()
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
    for (const listener of this.#listeners) listener(event)
  }

  hint(peers: readonly PeerHint[]): void {
    this.#feed({ type: 'peers', peers })
  }

  async moved(addresses: readonly string[]): Promise<void> {
    if (this.#closed || !this.#record.move(addresses)) return
    this.#retellUntil = this.now() + RETELL_MS
    const { id, name } = this.self
    await this.#options.rendezvous?.announce({ peerId: id, addrs: addresses, name })
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
    if (this.#core.started) this.#feed({ type: 'unclaim' })
    this.#closed = true
    this.#unwatch?.()
    clearInterval(this.#rejoin)
    clearTimeout(this.#retelling)
    this.#core.close()
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

  /** Who moved had no links when it said so: those who hear of it end what leads to its former place. */
  #retell(): void {
    this.#retelling ??= setTimeout(() => {
      this.#retelling = undefined
      this.#feed({ type: 'changed' })
    }, this.#options.profile.batch)
  }

  #feed(input: Input): void {
    this.#core.feed(input)
  }

  #perform(effect: OutwardEffect): void {
    switch (effect.type) {
      case 'send':
        this.#neighbours.send(effect.to, encodeMessage(effect.message))
        return
      case 'publish':
        this.#gossip.publish(effect.message)
        return
      case 'drop':
        this.#neighbours.drop(effect.peerId)
        if (effect.deaf) this.#consequences.abortDeaf(effect.peerId)
        return
      case 'dial':
        void this.#dial(effect.peerId, effect.addrs, effect.within)
        return
      case 'sign':
        this.#feed({ type: 'own', own: this.#record.sign(effect, effect.status) })
        return
      case 'persist':
        void this.#persist(effect.id, effect.votes)
        return
      case 'emit':
        this.#consequences.take(effect.event)
        this.report(effect.event)
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
      if (isSecretRefused(error)) this.report({ type: 'strange', peerId, addrs })
    }
    this.#feed({ type: 'dialled', peerId, outcome })
  }
}
