import { step } from '../../discovery/core/core.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import type { Input } from '../../discovery/core/input.ts'
import { encodeMessage, parseMessage } from '../../discovery/core/messages.ts'
import type { Message } from '../../discovery/core/messages.ts'
import { SimulatedActor, unseal } from './actor.ts'
import { Laws } from './laws.ts'
import { Network } from './network.ts'
import { between, seeded } from './rng.ts'
import type { Rng } from './rng.ts'
import { Trace } from './trace.ts'
import { VirtualClock } from './virtual-clock.ts'

/** Any time will do for the boot of the first actor; a wall clock is never near 0. */
const epoch = 1_700_000_000_000

/**
 * A mesh of cores in one process, with a virtual clock, a simulated network and one seed: FoundationDB's way of testing
 * (Zhou et al., SIGMOD 2021). What a shell does with libp2p is done here with a queue of events.
 */
export class Simulation {
  readonly clock = new VirtualClock()
  readonly rng: Rng
  readonly network: Network
  readonly laws = new Laws()
  readonly trace: Trace
  /** Messages sent on streams so far. */
  messages = 0
  readonly #actors = new Map<string, SimulatedActor>()
  /** Ends of connections that somebody behind a cut has not heard of yet. */
  readonly #unheard: (() => void)[] = []

  constructor(seed: number, keepTrace = 0) {
    this.rng = seeded(seed)
    this.network = new Network(this.clock, this.rng)
    this.trace = new Trace(keepTrace)
  }

  /** All actors that run, in the order of their start. */
  running(): SimulatedActor[] {
    return [...this.#actors.values()].filter((actor) => actor.running)
  }

  get(id: string): SimulatedActor | undefined {
    const actor = this.#actors.get(id)
    return actor?.running === true ? actor : undefined
  }

  roots(): SimulatedActor[] {
    return this.running().filter(({ parent }) => parent === undefined)
  }

  /** Starts a root; it finds in the rendezvous whoever runs, and they see it appear there. */
  startRoot(id: string): SimulatedActor {
    const others = this.roots()
    const actor = new SimulatedActor(id, `name of ${id}`, this.#nextInc(id))
    this.#actors.delete(id)
    this.#actors.set(id, actor)
    this.give(actor, { type: 'start', own: firstRecord(actor), expectPeers: others.length > 0 })
    this.give(actor, { type: 'peers', peers: others.map((other) => hintOf(other)) })
    for (const other of others) {
      this.clock.after(between(this.rng, 1, 30), () => {
        if (actor.running && other.running) this.give(other, { type: 'peers', peers: [hintOf(actor)] })
      })
    }
    return actor
  }

  /** Starts a child; it dials its parent. */
  startChild(id: string, parent: SimulatedActor): SimulatedActor {
    const inc = Math.max(this.#nextInc(id), parent.inc)
    const actor = new SimulatedActor(id, `name of ${id}`, inc, { parent: parent.id, root: parent.root })
    this.#actors.set(id, actor)
    this.give(actor, { type: 'start', own: firstRecord(actor) })
    this.give(actor, { type: 'peers', peers: [hintOf(parent)] })
    return actor
  }

  /** Kills an actor and, a little later, whoever stands below it. */
  crash(actor: SimulatedActor): void {
    if (!actor.running) return
    actor.running = false
    this.#note(actor, 'crash')
    for (const other of this.network.neighbours(actor.id)) this.#closeDead(actor, other)
    for (const child of this.running()) {
      if (child.parent === actor.id) this.clock.after(between(this.rng, 1, 200), () => this.crash(child))
    }
    const parent = actor.parent === undefined ? undefined : this.get(actor.parent)
    if (parent === undefined) return
    this.clock.after(between(this.rng, 1, 20), () => this.give(parent, { type: 'childExited', peerId: actor.id }))
  }

  /** Stops an actor's process for some time, as SIGSTOP does: its connections stay, and everything waits. */
  pause(actor: SimulatedActor, ms: number): void {
    this.#note(actor, `pause ${ms.toFixed(3)}`)
    actor.pausedUntil = Math.max(actor.pausedUntil, this.clock.now + ms)
  }

  /** Closes the connection between two living actors; both ends notice some time. */
  breakLink(a: SimulatedActor, b: SimulatedActor): void {
    if (!this.network.unlink(a.id, b.id)) return
    for (const [actor, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const delay = between(this.rng, 1, 2_000)
      this.clock.after(delay, () => this.give(actor, { type: 'disconnected', peerId: other.id }))
    }
  }

  /** Mends every cut; whoever died behind one is noticed now. */
  mend(): void {
    this.network.mend()
    for (const tell of this.#unheard.splice(0)) tell()
  }

  /** Gives a core an input and carries out its effects. */
  give(actor: SimulatedActor, input: Input): void {
    if (!actor.running) return
    if (actor.pausedUntil > this.clock.now) {
      this.clock.at(actor.pausedUntil, () => this.give(actor, input))
      return
    }
    // a shell tells of the end of the last connection only, and there may be a newer one by now
    if (input.type === 'disconnected' && this.network.linked(actor.id, input.peerId)) return
    const effects = step(actor.core, this.clock.now, this.rng, input)
    this.#note(actor, describe(input), effects)
    this.laws.check(actor, effects, this.clock.now, this.#actors.values())
    for (const effect of effects) this.#perform(actor, effect)
  }

  #perform(actor: SimulatedActor, effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.#send(actor, effect.to, effect.message)
        return
      case 'publish':
        this.#gossip(actor, effect.message, new Set([actor.id]))
        return
      case 'dial':
        this.#dial(actor, effect.peerId, effect.addrs, effect.within)
        return
      case 'setTimer': {
        const { name, at } = effect
        actor.timers.set(name, at)
        this.clock.at(at, () => {
          if (actor.timers.get(name) !== at) return
          actor.timers.delete(name)
          this.give(actor, { type: 'timer', name })
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
      case 'drop':
        this.#dropLink(actor, effect.peerId)
        return
      case 'emit':
        if (effect.event.type === 'left') this.clock.after(5, () => this.crash(actor))
    }
  }

  #send(actor: SimulatedActor, to: string, message: Message): void {
    const target = this.get(to)
    if (target === undefined || !this.network.linked(actor.id, to)) return
    this.messages++
    const wire = encodeMessage(message)
    this.network.carry(actor, target, () => {
      this.give(target, { type: 'message', from: actor.id, via: 'stream', message: parseMessage(wire, unseal) })
    })
  }

  /** Floods over the links, each actor passing on what it had not seen: gossip without its bookkeeping. */
  #gossip(actor: SimulatedActor, message: Message, seen: Set<string>): void {
    for (const neighbour of this.network.neighbours(actor.id)) {
      const target = this.get(neighbour)
      if (target === undefined) continue
      this.network.carry(actor, target, () => {
        if (seen.has(target.id) || !target.running) return
        seen.add(target.id)
        this.#gossip(target, message, seen)
        const wire = encodeMessage(message)
        this.give(target, { type: 'message', from: actor.id, via: 'gossip', message: parseMessage(wire, unseal) })
      })
    }
  }

  #dial(actor: SimulatedActor, peerId: string, addrs: readonly string[], within: number): void {
    const target = this.#actors.get(peerId)
    const open = target === undefined || this.network.open(actor.place, target.place)
    this.clock.after(open ? between(this.rng, 1, 20) : within, () => {
      const current = this.#actors.get(peerId)
      if (!actor.running) return
      if (current !== undefined && !this.network.open(actor.place, current.place)) {
        this.give(actor, { type: 'dialled', peerId, outcome: 'failed' })
      } else if (current?.running !== true || !addrs.includes(current.address)) {
        this.give(actor, { type: 'dialled', peerId, outcome: 'refused' })
      } else {
        if (this.network.link(actor.id, peerId)) {
          this.give(current, { type: 'connected', peerId: actor.id })
          this.give(actor, { type: 'connected', peerId })
        }
        this.give(actor, { type: 'dialled', peerId, outcome: 'reached' })
      }
    })
  }

  /** One end closes; the other one hears of it, unless it is cut off. */
  #dropLink(actor: SimulatedActor, peerId: string): void {
    const other = this.#actors.get(peerId)
    if (!this.network.unlink(actor.id, peerId) || other === undefined) return
    const tell = (): void => {
      this.clock.after(between(this.rng, 1, 10), () => this.give(other, { type: 'disconnected', peerId: actor.id }))
    }
    if (this.network.open(actor.place, other.place)) tell()
    else this.#unheard.push(tell)
  }

  /** The operating system of a dead end closes; whoever is cut off from it hears of it when the cut is mended. */
  #closeDead(dead: SimulatedActor, other: string): void {
    const survivor = this.#actors.get(other)
    if (!this.network.unlink(dead.id, other) || survivor === undefined) return
    const tell = (): void => {
      this.clock.after(between(this.rng, 1, 10), () => this.give(survivor, { type: 'disconnected', peerId: dead.id }))
    }
    if (this.network.open(dead.place, survivor.place)) tell()
    else this.#unheard.push(tell)
  }

  #nextInc(id: string): number {
    const before = this.#actors.get(id)?.inc ?? 0
    return Math.max(before + 1, epoch + Math.floor(this.clock.now))
  }

  #note(actor: SimulatedActor, what: string, effects: readonly Effect[] = []): void {
    this.trace.add(`${this.clock.now.toFixed(3)} ${actor.id} ${what} -> ${effects.map(describeEffect).join(' ')}`)
  }
}

function firstRecord(actor: SimulatedActor): ReturnType<SimulatedActor['sign']> {
  return actor.sign({ inc: actor.inc, rev: 0, seq: 0, status: 'up' })
}

function hintOf(actor: SimulatedActor): { peerId: string; addrs: string[] } {
  return { peerId: actor.id, addrs: [actor.address] }
}

function describe(input: Input): string {
  if (input.type === 'message') return `${input.message.type} from ${input.from} by ${input.via}`
  if (input.type === 'timer') return `timer ${input.name}`
  return 'peerId' in input ? `${input.type} ${input.peerId}` : input.type
}

function describeEffect(effect: Effect): string {
  if (effect.type === 'send') return `${effect.message.type}>${effect.to}`
  if (effect.type === 'emit') return `!${effect.event.type}`
  if (effect.type === 'setTimer') return `${effect.name}@${effect.at.toFixed(3)}`
  return effect.type
}
