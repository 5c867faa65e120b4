import { step } from '../discovery/core/core.ts'
import type { Effect } from '../discovery/core/effect.ts'
import type { Fact, Known } from '../discovery/core/fact.ts'
import type { Input, TimerName } from '../discovery/core/input.ts'
import { createCore } from '../discovery/core/state.ts'
import { profiles } from '../discovery/profile.ts'
import type { ActorRecord } from '../discovery/record.ts'

/** Roots of the mesh that the core knows; each has a child. */
const ROOTS = 1_000
/** Changes that gossip brings in a second: actors that come, go, change, are suspected and refute that. */
const CHANGES_PER_SECOND = 20
/** Neighbours that probe this root, and how often each does in a second. */
const WATCHERS = 6
const PROBES_PER_SECOND = 2
/** Milliseconds of the core's time that go by between two looks at the processor's. */
const STRETCH_MS = 1_000

/**
 * Microseconds of one step of discovery's core, on average, in a mesh of 1,000 roots: probes and their answers, timers,
 * and changes by gossip, as they come to a root. Feeding it is counted as well.
 *
 * @param windowMs how long to measure, of processor time
 */
export function coreStep(windowMs: number): number {
  const core = new FedCore()
  core.live(10 * STRETCH_MS)
  const before = core.steps
  let spent = 0
  while (spent < windowMs) {
    core.prepare(STRETCH_MS)
    const start = cpuMs()
    core.live(STRETCH_MS)
    spent += cpuMs() - start
  }
  return (1_000 * spent) / (core.steps - before)
}

/** Of this thread: what else runs on the machine does not count. */
function cpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

class FedCore {
  steps = 0
  readonly #state = createCore({ profile: profiles.loopback })
  readonly #timers = new Map<TimerName, number>()
  readonly #inputs: Input[] = []
  readonly #versions = new Map<string, number>()
  #gossip: Input[] = []
  #neighbours: string[] = []
  #seq = 0
  #random = 1
  #now = 0

  constructor() {
    this.#give({ type: 'start', own: known(0, 0), expectPeers: false })
    const everybody: Fact[] = []
    for (let index = 1; index < 2 * ROOTS; index++) everybody.push({ kind: 'record', known: known(index, 0) })
    for (let from = 0; from < everybody.length; from += 500) {
      const facts = everybody.slice(from, from + 500)
      this.#give({ type: 'message', from: idOf(1), via: 'gossip', message: { type: 'facts', facts, claim: null } })
    }
    this.#drain()
    this.#neighbours = [...this.#state.liveness.rings.neighbours(() => this.#state.registry.roots())]
    for (const peerId of this.#neighbours) this.#give({ type: 'connected', peerId })
    this.#drain()
    this.prepare(STRETCH_MS)
  }

  /** Makes what gossip will bring, so that its making is not measured. */
  prepare(ms: number): void {
    const count = (CHANGES_PER_SECOND * ms) / 1_000
    this.#gossip = Array.from({ length: count }, () => this.#change())
  }

  /** Lets time pass for the core. */
  live(ms: number): void {
    const end = this.#now + ms
    const every = 1_000 / (WATCHERS * PROBES_PER_SECOND)
    let probeAt = this.#now + every
    const gossipEvery = 1_000 / CHANGES_PER_SECOND
    let gossipAt = this.#now + gossipEvery
    while (this.#now < end) {
      let next = Math.min(end, probeAt, gossipAt)
      for (const at of this.#timers.values()) next = Math.min(next, at)
      this.#now = Math.max(this.#now, next)
      for (const [name, at] of this.#timers) {
        if (at > this.#now) continue
        this.#timers.delete(name)
        this.#give({ type: 'timer', name })
      }
      if (this.#now >= probeAt) {
        probeAt += every
        const from = this.#neighbours[this.#seq++ % WATCHERS]!
        const { digest } = this.#state.registry
        this.#give({ type: 'message', from, via: 'stream', message: { type: 'probe', seq: this.#seq, digest } })
      }
      if (this.#now >= gossipAt) {
        gossipAt += gossipEvery
        const input = this.#gossip.pop()
        if (input !== undefined) this.#give(input)
      }
      this.#drain()
    }
  }

  #change(): Input {
    const index = 1 + Math.floor(this.#next() * (2 * ROOTS - 1))
    const id = idOf(index)
    const version = (this.#versions.get(id) ?? 0) + 1
    this.#versions.set(id, version)
    const { record } = known(index, version - 1)
    const { peerId, inc, rev } = record
    const chance = this.#next()
    const facts: Fact[] = [{ kind: 'record', known: known(index, version) }]
    const by = idOf(2)
    if (chance < 0.3) facts.unshift({ kind: 'end', end: { peerId, inc, rev, state: 'dead', by, age: 0 } })
    else if (chance < 0.5) facts.unshift({ kind: 'suspect', accusation: { peerId, inc, rev, by, age: 0 } })
    const from = this.#neighbours[Math.floor(this.#next() * this.#neighbours.length)] ?? idOf(1)
    return { type: 'message', from, via: 'gossip', message: { type: 'facts', facts, claim: null } }
  }

  #give(input: Input): void {
    this.steps++
    for (const effect of step(this.#state, this.#now, () => this.#next(), input)) this.#perform(effect)
  }

  #drain(): void {
    for (let input = this.#inputs.shift(); input !== undefined; input = this.#inputs.shift()) this.#give(input)
  }

  #perform(effect: Effect): void {
    if (effect.type === 'setTimer') this.#timers.set(effect.name, effect.at)
    else if (effect.type === 'clearTimer') this.#timers.delete(effect.name)
    else if (effect.type === 'sign') {
      const { record, signed } = known(0, 0)
      const { inc, rev, seq, status } = effect
      this.#inputs.push({ type: 'own', own: { record: { ...record, inc, rev, seq, status }, signed } })
    } else if (effect.type === 'send' && effect.message.type === 'probe') {
      const { digest } = this.#state.registry
      const message = { type: 'ack', seq: effect.message.seq, digest } as const
      this.#inputs.push({ type: 'message', from: effect.to, via: 'stream', message })
    } else if (effect.type === 'send' && effect.message.type === 'beat') {
      this.#inputs.push({
        type: 'message',
        from: effect.to,
        via: 'stream',
        message: { ...effect.message, type: 'beaten' },
      })
    }
  }

  /** The same mix in every run. */
  #next(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return this.#random / 2 ** 32
  }
}

/** As long as real ones. */
function idOf(index: number): string {
  return `12D3KooW${String(index).padStart(44, 'x')}`
}

/** The even ones are roots, each followed by its child. */
function known(index: number, version: number): Known {
  const peerId = idOf(index)
  const root = idOf(index - (index % 2))
  const record: ActorRecord = {
    mesh: 'bench',
    peerId,
    name: `actor-${index}`,
    ...(index % 2 === 0 ? {} : { parent: root }),
    root,
    inc: 1_700_000_000_000 + index,
    rev: version,
    seq: 0,
    addrs: [`/ip4/127.0.0.1/tcp/${10_000 + index}`],
    status: 'up',
    modules: ['bench'],
    meta: {},
  }
  return { record, signed: { bytes: new Uint8Array(300), signature: new Uint8Array(64).fill(index % 256) } }
}
