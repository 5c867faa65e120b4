import type { CancelScope } from '../node/cancel-scope.ts'
import { describeError, GreenroomError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import type { Identity } from '../node/identity.ts'
import { areaLog } from '../node/log.ts'
import type { MeshSecrets, TimedSecret } from '../node/mesh-secrets.ts'
import { PerActor } from '../node/per-actor.ts'
import type { Target } from '../rpc/caller.ts'
import type { Ban, SignedBan } from './ban.ts'
import type { Discovery } from './discovery.ts'
import { newInvitationAdvice, renew } from './gatehouse.ts'
import { LedgerExchange } from './ledger-exchange.ts'
import type { LedgerNews } from './ledger-messages.ts'
import type { Ledger, Teller } from './ledger.ts'
import type { MeshFiles } from './mesh-files.ts'
import type { Observation } from './observation.ts'
import type { Rotation } from './rotation.ts'

/** Comparisons that one root begins at the same time, when there is news. */
export const MAX_TELLING = 16
/** Milliseconds until a root that found a door shut asks at another one: the first pause, and the longest. */
export const RENEW_PAUSE_MS = 1_000
export const MAX_RENEW_PAUSE_MS = 60_000
/** Milliseconds that a root waits to be told a change of the secret that a neighbour may not tell it, before it says so. */
export const TOLD_WITHIN_MS = 5_000
/** Milliseconds in which several things to write down are written together. */
const KEEP_MS = 250

export interface LedgerKeeperOptions {
  readonly host: Host
  readonly identity: Identity
  readonly self: Target
  /** The actor's. */
  readonly scope: CancelScope
  readonly secrets: MeshSecrets
  readonly discovery: Discovery
  readonly files: MeshFiles
  /** Hears whenever it changes who may connect; the actors below have to be told. */
  readonly onChange: (access: Access) => void
}

/** Who may connect. */
export interface Access {
  readonly secrets: readonly TimedSecret[]
  /** Peer ids. */
  readonly banned: readonly string[]
}

/** Who was told of something at once; others hear of it from them. */
export interface Telling {
  /** Names of the connected roots that have it now. */
  readonly told: readonly string[]
  /** Names of those that did not answer in time. */
  readonly untold: readonly string[]
}

const keepers = new PerActor<LedgerKeeper>()

/** @throws GreenroomError `NO_LEDGER` when this process is no root of a named mesh */
export function currentLedger(): LedgerKeeper {
  const { current } = keepers
  if (current !== undefined) return current
  throw new GreenroomError(
    'NO_LEDGER',
    'the secret and the bans of a mesh are kept by the roots of a named one: call this in a program that has joined one with run() or joinMesh(), not in an actor below it',
  )
}

/** What a root does with its ledger: it acts by it, keeps it on disk, and sees to it that all roots have the same. */
export class LedgerKeeper {
  readonly ledger: Ledger
  readonly #options: LedgerKeeperOptions
  readonly #exchange: LedgerExchange
  readonly #unlisten: () => void
  readonly #log = areaLog('discovery')
  readonly #closing = new AbortController()
  #round: NodeJS.Timeout | undefined
  #keeping: NodeJS.Timeout | undefined
  #kept: Promise<void> = Promise.resolve()
  #missedEpoch = 0
  #untold: NodeJS.Timeout | undefined
  #foundShut = false
  #renewing = false
  #renewAt = 0
  #renewPause = RENEW_PAUSE_MS
  #uncurrent = (): void => {}

  private constructor(options: LedgerKeeperOptions) {
    const { host, files, secrets, discovery } = options
    this.#options = options
    this.ledger = files.ledger
    this.#exchange = new LedgerExchange(host, this.ledger, secrets, {
      onNews: (news, from) => this.#merge(news, from),
      onWithheld: (rotation) => this.#awaitSecret(rotation),
    })
    this.#unlisten = discovery.onEvent((event) => this.#onEvent(event))
  }

  static async start(options: LedgerKeeperOptions): Promise<LedgerKeeper> {
    const keeper = new LedgerKeeper(options)
    keeper.#uncurrent = keepers.set(keeper, options.scope)
    await keeper.#exchange.listen()
    keeper.#see(options.self.id)
    for (const { peerId } of options.discovery.state.registry.roots()) keeper.#see(peerId)
    if (keeper.ledger.banned.length > 0) keeper.#apply()
    keeper.#planRound()
    for (const peer of keeper.#neighbours()) void keeper.#exchange.compareWith(peer)
    return keeper
  }

  /** Changes the secret of the mesh. @throws InvalidArgument when the overlap is out of bounds */
  async rotate(overlapMs: number): Promise<Telling & { readonly epoch: number }> {
    const { discovery, identity, self } = this.#options
    const present = [self.id, ...[...discovery.state.registry.roots()].map(({ peerId }) => peerId)]
    const by = { id: self.id, name: self.name }
    const { rotation } = this.ledger.rotate(overlapMs, present, by, identity, Date.now())
    this.#apply()
    await this.#keep()
    discovery.report({ type: 'rotated', epoch: rotation.epoch, by })
    return { ...(await this.#tellNeighbours()), epoch: rotation.epoch }
  }

  /** Bans a member, or takes that back. */
  async setBan(peer: string, name: string, banned: boolean, why: string): Promise<Telling & { readonly ban: Ban }> {
    const { identity, self } = this.#options
    const by = { id: self.id, name: self.name }
    const word = this.ledger.ban(peer, name, banned, why, by, identity, Date.now())
    this.#apply()
    await this.#keep()
    this.#reportBan(word)
    return { ...(await this.#tellNeighbours()), ban: word.ban }
  }

  async close(): Promise<void> {
    this.#uncurrent()
    this.#closing.abort(new Error('the actor ends'))
    this.#exchange.close()
    this.#unlisten()
    clearTimeout(this.#round)
    clearTimeout(this.#untold)
    if (this.#keeping !== undefined) {
      clearTimeout(this.#keeping)
      void this.#keep()
    }
    await this.#kept
  }

  #onEvent(event: Observation): void {
    if (event.type === 'strange') void this.#renew(event.peerId, event.addrs)
    else if (event.type === 'up' && event.record.parent === undefined) {
      this.#see(event.record.peerId)
      if (this.#isNeighbour(event.record.peerId)) this.#meet(event.record.peerId)
    } else if (event.type === 'linkUp' && this.#isNeighbour(event.peerId)) this.#meet(event.peerId)
  }

  /** Of two that meet one asks. */
  #meet(peer: string): void {
    if (this.#options.self.id < peer) void this.#exchange.compareWith(peer)
  }

  #see(peer: string): void {
    if (this.ledger.see(peer, Date.now())) this.#keepSoon()
  }

  #isNeighbour(peer: string): boolean {
    const { registry, links } = this.#options.discovery.state
    const record = registry.get(peer)
    return links.has(peer) && record !== undefined && record.parent === undefined
  }

  #neighbours(): string[] {
    return [...this.#options.discovery.state.links.keys()].filter((peer) => this.#isNeighbour(peer))
  }

  #merge({ rotation, bans }: LedgerNews, from: Teller): void {
    const fresh = bans.filter((word) => this.ledger.mergeBan(word))
    const merged = rotation === undefined ? 'known' : this.ledger.mergeRotation(rotation, from, Date.now())
    if (merged === 'refused')
      this.#log.warn(`a change of the secret that ${from.id.slice(-8)} told of was not taken: it may not make one`)
    this.#onMerged(fresh, merged === 'taken')
  }

  /** Others may tell what one neighbour may not; who is told by nobody is to hear what that means. */
  #awaitSecret(rotation: Pick<Rotation, 'epoch' | 'at' | 'by'>): void {
    if (rotation.epoch <= this.#missedEpoch) return
    this.#missedEpoch = rotation.epoch
    clearTimeout(this.#untold)
    this.#untold = setTimeout(() => {
      if (!this.ledger.isBehind(rotation)) return
      this.#log.warn(
        `the secret of the mesh has changed, and nobody tells it to this actor, which was seen only after that: connections that are up go on, and new ones end with the former secret: ${newInvitationAdvice(this.ledger.mesh)}`,
      )
    }, TOLD_WITHIN_MS)
    this.#untold.unref()
  }

  #onMerged(fresh: readonly SignedBan[], rotated: boolean): void {
    if (fresh.length === 0 && !rotated) return
    this.#apply()
    this.#keepSoon()
    for (const word of fresh) this.#reportBan(word)
    const rotation = this.ledger.rotation?.rotation
    if (rotated && rotation !== undefined) {
      this.#log.info(`${rotation.by.name} has changed the secret of the mesh`)
      this.#options.discovery.report({ type: 'rotated', epoch: rotation.epoch, by: rotation.by })
    }
    void this.#tellNeighbours()
  }

  #reportBan({ ban }: SignedBan): void {
    const { discovery, self } = this.#options
    const { peer, banned, by, why } = ban
    if (banned && peer === self.id) this.#log.error(`${by.name} has banned this actor from the mesh: ${why}`)
    discovery.report({ type: banned ? 'banned' : 'unbanned', ban })
  }

  /** Acts by what the ledger says now, here and below. */
  #apply(): void {
    const { secrets, discovery, onChange } = this.#options
    const banned = this.ledger.banned.map(({ peer }) => peer)
    secrets.set(this.ledger.secrets)
    discovery.ban(banned)
    onChange({ secrets: this.ledger.secrets, banned })
  }

  async #tellNeighbours(): Promise<Telling> {
    const { registry } = this.#options.discovery.state
    const told: string[] = []
    const untold: string[] = []
    const peers = this.#neighbours()
    const tell = async (): Promise<void> => {
      for (let peer = peers.pop(); peer !== undefined; peer = peers.pop()) {
        const name = registry.get(peer)?.name ?? peer
        if (await this.#exchange.compareWith(peer)) told.push(name)
        else untold.push(name)
      }
    }
    await Promise.all(Array.from({ length: MAX_TELLING }, tell))
    return { told: told.sort(), untold: untold.sort() }
  }

  /** Anti-entropy: what was missed when it was told is found within some rounds. */
  #planRound(): void {
    const pause = this.#options.discovery.state.profile.sync * (0.5 + Math.random())
    this.#round = setTimeout(() => {
      const peers = this.#neighbours()
      const peer = peers[Math.floor(Math.random() * peers.length)]
      if (peer !== undefined) void this.#exchange.compareWith(peer)
      this.#planRound()
    }, pause)
    this.#round.unref()
  }

  /** Somebody of the mesh has another secret: perhaps this one was away when it changed. */
  async #renew(peer: string, addrs: readonly string[]): Promise<void> {
    if (this.#renewing || Date.now() < this.#renewAt || this.#closing.signal.aborted) return
    this.#renewing = true
    try {
      const { identity } = this.#options
      const signal = this.#closing.signal
      const answer = await renew({ peer, addrs, identity, ledger: this.ledger, signal })
      const from = { id: peer, hasNewest: false }
      const fresh = answer.bans.filter((word) => this.ledger.mergeBan(word))
      const merged =
        answer.rotation === undefined ? 'known' : this.ledger.mergeRotation(answer.rotation, from, Date.now(), true)
      this.#onMerged(fresh, merged === 'taken')
      if (merged !== 'taken') throw new Error(`what ${peer.slice(-8)} told is no later secret`)
      this.#renewPause = RENEW_PAUSE_MS
      this.#options.discovery.hint([{ peerId: peer, addrs, eager: true }])
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#log[this.#levelOf(error)](`the newest secret of the mesh was not to be had: ${describeError(error)}`)
      this.#renewAt = Date.now() + this.#renewPause * (0.5 + Math.random())
      this.#renewPause = Math.min(2 * this.#renewPause, MAX_RENEW_PAUSE_MS)
    } finally {
      this.#renewing = false
    }
  }

  /** A shut door says the same each time, and is that of another mesh perhaps. */
  #levelOf(error: unknown): 'warn' | 'debug' {
    const code = error instanceof GreenroomError ? error.code : undefined
    if (code === 'RENEWAL_REFUSED') return 'warn'
    if (code !== 'DOORS_SHUT' || this.#foundShut) return 'debug'
    this.#foundShut = true
    return 'warn'
  }

  #keepSoon(): void {
    this.#keeping ??= setTimeout(() => void this.#keep(), KEEP_MS)
  }

  /** One after the other; what cannot be written is told, and the mesh goes on. */
  async #keep(): Promise<void> {
    clearTimeout(this.#keeping)
    this.#keeping = undefined
    const write = async (): Promise<void> => {
      try {
        // another program of this machine, which reports it itself
        if (await this.#options.files.keep()) {
          this.#apply()
          void this.#tellNeighbours()
        }
      } catch (error) {
        this.#log.error(`bans and secret of the mesh could not be written down: ${describeError(error)}`)
      }
    }
    this.#kept = this.#kept.then(write)
    await this.#kept
  }
}
