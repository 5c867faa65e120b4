import * as discoveryCore from '../../discovery/core/core.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { isArbiter } from '../../discovery/core/election.ts'
import type { Input, PeerHint } from '../../discovery/core/input.ts'
import type { Message } from '../../discovery/core/messages.ts'
import { declareQuorum } from '../../discovery/core/quorum.ts'
import type { Quorum } from '../../discovery/core/quorum.ts'
import * as discoveryState from '../../discovery/core/state.ts'
import { profiles } from '../../discovery/profile.ts'
import type { Profile } from '../../discovery/profile.ts'
import { SimulatedActor } from './actor.ts'
import type { Link, Place } from './actor.ts'
import { Connections } from './connections.ts'
import { Disks } from './disks.ts'
import { allLaws } from './laws/all.ts'
import type { Electorate, Law, World } from './laws/law.ts'
import { Network } from './network.ts'
import { Overlay } from './overlay.ts'
import { Places } from './places.ts'
import { Rendezvous } from './rendezvous.ts'
import { between, seeded } from './rng.ts'
import type { Rng } from './rng.ts'
import { describeEffect, describeInput } from './show.ts'
import type { CoreUnderTest, RootStart, SimulationOptions } from './simulation-options.ts'
import { Stopped } from './stopped.ts'
import { Trace } from './trace.ts'
import { VirtualClock } from './virtual-clock.ts'
import { bytesOf, keyOf, overTheWire } from './wire.ts'

/** Any time will do for the boot of the first actor; a wall clock is never near 0. */
export const epoch = 1_700_000_000_000

/**
 * A mesh of cores in one process, with a virtual clock, a simulated network and one seed: FoundationDB's way of testing
 * (Zhou et al., SIGMOD 2021). What a shell does with libp2p is done here with a queue of events.
 */
export class Simulation implements World {
  readonly clock = new VirtualClock()
  readonly rng: Rng
  readonly profile: Profile
  readonly network: Network
  readonly electorate: Electorate
  readonly quorum: Quorum | undefined
  readonly laws: readonly Law[]
  readonly trace: Trace
  /** Messages sent on streams so far. */
  messages = 0
  /** Arbiters that were elected so far. */
  elections = 0
  lives = 0
  /** Whether the bytes are counted that each actor sends. */
  countBytes: boolean
  readonly #options: SimulationOptions
  readonly #core: CoreUnderTest
  readonly #overlay: Overlay
  readonly #connections: Connections
  readonly #disks: Disks
  readonly #actors = new Map<string, SimulatedActor>()
  readonly #running = new Set<SimulatedActor>()
  readonly #places: Places
  readonly #rendezvous: Rendezvous
  readonly #reigns = new WeakSet<object>()
  readonly #stopped: Stopped
  /** When somebody last went on, or lost power. */
  #troubleAt = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    const { profile = 'loopback', seed } = options
    this.profile = typeof profile === 'string' ? profiles[profile] : profile
    this.quorum = options.quorum === undefined ? undefined : declareQuorum(options.quorum)
    this.electorate = this.quorum === undefined ? 'elastic' : 'quorum'
    this.rng = seeded(seed)
    this.countBytes = options.countBytes === true
    this.#stopped = new Stopped(this.clock, this.rng, () => (this.#troubleAt = this.now))
    this.#places = new Places(this.rng, options.skewed === true)
    this.#rendezvous = new Rendezvous(this.rng, options.seeds)
    this.#disks = new Disks(this.clock, this.rng, (actor, input) => this.give(actor, input))
    this.#core = options.core ?? { createCore: discoveryState.createCore, step: discoveryCore.step, isArbiter }
    this.network = new Network(this.clock, this.rng, options.network ?? this.profile.name, seed)
    this.trace = new Trace(options.keepTrace)
    this.laws = (options.laws ?? allLaws).flatMap((family) => family(this))
    this.#overlay = new Overlay(this.clock, this.rng, this.network, {
      keyOf,
      onSent: (from, message) => this.#count(from, message),
      onMessage: (to, from, message) =>
        this.give(to, { type: 'message', from: from.id, via: 'gossip', message: this.#arrived(message) }),
      whenAwake: (actor, run) => this.#stopped.whenAwake(actor, false, run),
    })
    this.#connections = new Connections(this.clock, this.rng, this.network, {
      latest: (peerId) => this.#actors.get(peerId),
      give: (actor, input) => this.give(actor, input),
      onLink: (link) => this.#onLink(link),
      onUnlink: (link) => this.#overlay.onClosed(link),
    })
  }

  get now(): number {
    return this.clock.now
  }

  get quietSince(): number {
    return this.network.calm && this.#stopped.size === 0 ? Math.max(this.#troubleAt, this.network.mendedAt) : Infinity
  }

  get disks(): Disks {
    return this.#disks
  }

  isArbiter(actor: SimulatedActor): boolean {
    return this.#core.isArbiter(actor.core, actor.localTime(this.now))
  }

  /** All actors that run, in the order of their start. */
  running(): SimulatedActor[] {
    return [...this.#running]
  }

  get(id: string): SimulatedActor | undefined {
    const actor = this.#actors.get(id)
    return actor?.running === true ? actor : undefined
  }

  roots(): SimulatedActor[] {
    return this.running().filter(({ parent }) => parent === undefined)
  }

  /** The ids of roots that have ended and were not started again. */
  endedRoots(): SimulatedActor[] {
    return [...this.#actors.values()].filter(({ running, parent }) => !running && parent === undefined)
  }

  /** Starts a root; it hears of whoever runs, and they hear of it. */
  startRoot(id: string, { place, peers, name }: RootStart = {}): SimulatedActor {
    const hints = peers ?? this.#rendezvous.hintsFor(id)
    const resumed = this.#actors.has(id)
    const actor = this.#begin(id, place ?? this.#places.get(id), undefined, name)
    const votes = this.quorum === undefined ? undefined : this.#disks.read(actor.name)
    this.give(actor, { type: 'start', own: firstRecord(actor), expectPeers: hints.length > 0, votes, resumed })
    this.give(actor, { type: 'peers', peers: hints })
    this.#announce(actor)
    return actor
  }

  /** Starts a child; it dials its parent. */
  startChild(id: string, parent: SimulatedActor): SimulatedActor {
    const actor = this.#begin(id, parent.place, parent)
    this.give(actor, { type: 'start', own: firstRecord(actor) })
    this.give(actor, { type: 'peers', peers: [{ peerId: parent.id, addrs: [parent.address], eager: true }] })
    return actor
  }

  /** Kills an actor and, a little later, whoever stands below it; `silently` with its whole machine. */
  crash(actor: SimulatedActor, silently = false): void {
    if (!actor.running) return
    if (silently) {
      actor.place.up = false
      this.#troubleAt = this.now
    }
    this.#end(actor, silently ? 'power lost' : 'crash', silently)
    for (const child of this.running()) {
      if (child.parent !== actor.id) continue
      if (silently) this.crash(child, true)
      else this.clock.after(between(this.rng, 1, 200), () => this.crash(child))
    }
    const parent = actor.parent === undefined ? undefined : this.get(actor.parent)
    if (parent === undefined) return
    this.clock.after(between(this.rng, 1, 20), () => this.give(parent, { type: 'childExited', peerId: actor.id }))
  }

  /** Stops an actor's process for some time, as SIGSTOP does: its connections stay, and everything waits. */
  pause(actor: SimulatedActor, ms: number): void {
    if (!actor.running) return
    this.#note(actor, 'pause', [])
    this.#stopped.stop(actor, ms)
  }

  /** Lets a stopped process go on. */
  resume(actor: SimulatedActor): void {
    this.#stopped.goOn(actor)
  }

  /** Closes the connection between two living actors; both ends notice some time. */
  breakLink(link: Link): void {
    this.#connections.break(link)
  }

  /** Something was mended: ends that were not heard of are, if they can be. */
  spreadNews(): void {
    this.#connections.spreadNews()
  }

  /** Gives a core an input, when its process runs, and carries out its effects. */
  give(actor: SimulatedActor, input: Input): void {
    this.#stopped.whenAwake(actor, input.type === 'timer', () => this.#step(actor, input))
  }

  #step(actor: SimulatedActor, input: Input): void {
    // a shell tells of the end of the last connection only, and there may be a newer one by now
    if (input.type === 'disconnected' && actor.links.has(input.peerId)) return
    const { now } = this
    const local = actor.localTime(now)
    const effects = this.#core.step(actor.core, local, this.rng, input)
    this.#note(actor, input, effects)
    const { reign } = actor.core.election
    if (reign !== undefined && !this.#reigns.has(reign)) {
      this.#reigns.add(reign)
      this.elections++
    }
    const taken = { actor, input, effects, now, local }
    for (const law of this.laws) law.onStep?.(taken)
    for (const effect of effects) this.#perform(actor, effect)
  }

  #perform(actor: SimulatedActor, effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.#send(actor, effect.to, effect.message)
        return
      case 'publish':
        this.#overlay.publish(actor, effect.message)
        return
      case 'dial':
        this.#connections.dial(actor, effect.peerId, effect.addrs, effect.within / actor.place.rate)
        return
      case 'setTimer': {
        const { name, at } = effect
        actor.timers.set(name, at)
        this.clock.at(actor.virtualTime(at), () => {
          if (actor.timers.get(name) !== at) return
          this.#stopped.whenAwake(actor, true, () => {
            if (actor.timers.get(name) !== at) return
            actor.timers.delete(name)
            this.#step(actor, { type: 'timer', name })
          })
        })
        return
      }
      case 'clearTimer':
        actor.timers.delete(effect.name)
        return
      case 'sign': {
        const { inc, rev, seq, status } = effect
        const own = actor.sign({ inc, rev, seq, status })
        this.clock.after(between(this.rng, 0, 2), () => this.give(actor, { type: 'own', own }))
        return
      }
      case 'persist':
        this.#disks.write(actor, effect.id, effect.votes)
        return
      case 'drop':
        this.#connections.hangUp(actor, effect.peerId)
        return
      case 'emit':
        this.#onEvent(actor, effect.event)
    }
  }

  /** Shows a root in the rendezvous, where the others see it. */
  #announce(actor: SimulatedActor): void {
    const hint: PeerHint = { peerId: actor.id, addrs: [actor.address] }
    this.#rendezvous.enter(hint)
    if (!this.#rendezvous.isShared) return
    for (const other of this.#running) {
      if (other === actor || other.parent !== undefined) continue
      this.clock.after(between(this.rng, 1, 30), () => this.give(other, { type: 'peers', peers: [hint] }))
    }
  }

  /** Takes an entry out of the rendezvous; a live program that is wronged by this announces itself again. */
  #forget(peerId: string): void {
    const wronged = this.get(peerId)
    if (!this.#rendezvous.forget(peerId, wronged !== undefined) || wronged === undefined) return
    this.clock.after(between(this.rng, 1, 50), () =>
      this.#stopped.whenAwake(wronged, false, () => {
        if (!wronged.core.leaving) this.#announce(wronged)
      }),
    )
  }

  #onEvent(actor: SimulatedActor, event: Extract<Effect, { type: 'emit' }>['event']): void {
    if (event.type === 'left') this.clock.after(5, () => this.crash(actor))
    else if (event.type === 'seedLost' && event.outcome === 'refused') this.#forget(event.peerId)
    else if (event.type === 'down' && event.why === 'dead') this.#forget(event.record.peerId)
  }

  #send(actor: SimulatedActor, to: string, message: Message): void {
    const link = actor.links.get(to)
    if (link === undefined) return
    this.#count(actor, message)
    const target = link.a === actor ? link.b : link.a
    this.network.carry(link, actor, () =>
      this.give(target, { type: 'message', from: actor.id, via: 'stream', message: this.#arrived(message) }),
    )
  }

  #arrived(message: Message): Message {
    return this.#options.wire === false ? message : overTheWire(message)
  }

  #count(actor: SimulatedActor, message: Message): void {
    this.messages++
    if (this.countBytes) actor.bytes += bytesOf(message)
  }

  /** Both ends tell each other what they subscribe to, and hear gossip from then on. */
  #onLink(link: Link): void {
    const exchange = this.rng() < 0.7 ? between(this.rng, 1, 5) : between(this.rng, 5, 200)
    this.clock.after(4 * link.distance + exchange, () => {
      if (!link.up) return
      this.#overlay.onSubscribed(link)
      this.give(link.a, { type: 'subscribed', peerId: link.b.id })
      this.give(link.b, { type: 'subscribed', peerId: link.a.id })
    })
  }

  #begin(id: string, place: Place, parent?: SimulatedActor, name?: string): SimulatedActor {
    place.up = true
    const wall = epoch + Math.floor(this.now * place.rate + place.offset)
    const inc = Math.max((this.#actors.get(id)?.inc ?? 0) + 1, wall, parent?.inc ?? 0)
    const actor = new SimulatedActor({
      id,
      name: name ?? this.#actors.get(id)?.name ?? `name of ${id}`,
      inc,
      place,
      core: this.#core.createCore({ profile: this.profile, quorum: this.quorum }),
      index: this.lives++,
      bornAt: this.now,
      above: parent === undefined ? undefined : { parent: parent.id, root: parent.root },
    })
    this.#actors.delete(id)
    this.#actors.set(id, actor)
    this.#running.add(actor)
    this.spreadNews()
    return actor
  }

  #end(actor: SimulatedActor, how: string, silently: boolean): void {
    actor.running = false
    actor.diedAt = this.now
    this.#stopped.onEnd(actor)
    this.#running.delete(actor)
    if (actor.core.leaving) this.#rendezvous.leave(actor.id)
    this.#note(actor, how, [])
    for (const law of this.laws) law.onEnd?.(actor)
    this.#disks.onEnd(actor, silently)
    this.#connections.closeAll(actor, silently)
  }

  #note(actor: SimulatedActor, what: Input | string, effects: readonly Effect[]): void {
    if (this.#options.traced === false) return
    const texts = [actor.id, typeof what === 'string' ? what : what.type]
    for (const effect of effects) texts.push(effect.type === 'send' ? effect.message.type : effect.type)
    this.trace.add(this.now, texts, () => {
      const input = typeof what === 'string' ? what : describeInput(what)
      return `${actor.id} ${input} -> ${effects.map(describeEffect).join(' ')}`
    })
  }
}

function firstRecord(actor: SimulatedActor): ReturnType<SimulatedActor['sign']> {
  return actor.sign({ inc: actor.inc, rev: 0, seq: 0, status: 'up' })
}
