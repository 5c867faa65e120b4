import { step } from '../../../discovery/core/core.ts'
import type { Effect, Event } from '../../../discovery/core/effect.ts'
import { SPAN } from '../../../discovery/core/buckets.ts'
import type { Digest, End, Fact, Known } from '../../../discovery/core/fact.ts'
import type { Input } from '../../../discovery/core/input.ts'
import type { CoreLimits } from '../../../discovery/core/limits.ts'
import type { Message, State } from '../../../discovery/core/messages.ts'
import type { KeptVotes, Quorum } from '../../../discovery/core/quorum.ts'
import { createCore } from '../../../discovery/core/state.ts'
import type { CoreState } from '../../../discovery/core/state.ts'
import { profiles } from '../../../discovery/profile.ts'
import type { ActorRecord } from '../../../discovery/record.ts'
import { seal } from '../../simulator/actor.ts'
import { seeded } from '../../simulator/rng.ts'

/** A record of some actor: a root unless `parent` is given. */
export function record(peerId: string, fields: Partial<ActorRecord> = {}): ActorRecord {
  return {
    mesh: 'sim',
    peerId,
    name: `name of ${peerId}`,
    root: fields.parent ?? peerId,
    inc: 1,
    rev: 0,
    seq: 0,
    addrs: [`/sim/${peerId}`],
    status: 'up',
    modules: [],
    meta: {},
    ...fields,
  }
}

export function known(peerId: string, fields: Partial<ActorRecord> = {}): Known {
  const plain = record(peerId, fields)
  return { record: plain, signed: seal(plain) }
}

export function recordFact(peerId: string, fields: Partial<ActorRecord> = {}): Fact {
  return { kind: 'record', known: known(peerId, fields) }
}

export function end(peerId: string, fields: Partial<End> = {}): End {
  return { peerId, inc: 1, rev: 0, state: 'dead', by: 'someone', age: 0, ...fields }
}

export function endFact(peerId: string, fields: Partial<End> = {}): Fact {
  return { kind: 'end', end: end(peerId, fields) }
}

/**
 * One core under a clock that the test moves. It signs what it is asked to at once, and its neighbours answer its probes
 * at once, those in `silent` excepted.
 */
export class CoreHarness {
  readonly state: CoreState
  readonly silent = new Set<string>()
  now = 0
  readonly #rng = seeded(1)
  #own: ActorRecord

  constructor(own: ActorRecord, limits: Partial<CoreLimits> = {}, quorum?: Quorum) {
    this.state = createCore({ profile: profiles.loopback, limits, quorum })
    this.#own = own
  }

  /** Starts the core; the effects of the start. */
  start(expectPeers = false, votes?: KeptVotes, resumed = false): Effect[] {
    const own = { record: this.#own, signed: seal(this.#own) }
    return this.give({ type: 'start', own, expectPeers, votes, resumed })
  }

  /** Gives an input; all effects, those of the signed record included. */
  give(input: Input): Effect[] {
    const effects = step(this.state, this.now, this.#rng, input)
    const signed = effects.flatMap((effect) => {
      if (effect.type !== 'sign') return []
      const { inc, rev, seq, status } = effect
      this.#own = { ...this.#own, inc, rev, seq, status }
      return this.give({ type: 'own', own: { record: this.#own, signed: seal(this.#own) } })
    })
    const answered = sent(effects, 'probe').flatMap(({ to, message: { seq, digest } }) =>
      this.silent.has(to) ? [] : this.hear(to, { type: 'ack', seq, digest }),
    )
    return [...effects, ...signed, ...answered]
  }

  hear(from: string, message: Message, via: 'stream' | 'gossip' = 'stream'): Effect[] {
    return this.give({ type: 'message', from, via, message })
  }

  /** Facts that come by gossip, unless told otherwise. */
  learn(facts: readonly Fact[], from = 'gossiper', via: 'stream' | 'gossip' = 'gossip'): Effect[] {
    return this.hear(from, { type: 'facts', facts, claim: null }, via)
  }

  /** Makes a root known and a neighbour. */
  meet(peerId: string, fields: Partial<ActorRecord> = {}): Effect[] {
    return [...this.learn([recordFact(peerId, fields)]), ...this.give({ type: 'connected', peerId })]
  }

  /** Lets time pass, firing the timers that run out; all effects. */
  pass(ms: number): Effect[] {
    const until = this.now + ms
    const effects: Effect[] = []
    for (;;) {
      const [next] = [...this.state.timers].filter(([, at]) => at <= until).sort(([, a], [, b]) => a - b)
      if (next === undefined) break
      this.now = Math.max(this.now, next[1])
      effects.push(...this.give({ type: 'timer', name: next[0] }))
    }
    this.now = until
    return effects
  }
}

/** The last page of what another registry has that differs. */
export function page(facts: readonly Fact[], digest: Digest, rest: Partial<State> = {}): State {
  const end = { more: false, answer: false, until: SPAN, differs: new Uint8Array(2).fill(0xff) }
  return { type: 'state', facts, claim: null, digest, ...end, ...rest }
}

/** The messages of a type that were sent, with their receivers. */
export function sent<Type extends Message['type']>(
  effects: readonly Effect[],
  type: Type,
): { to: string; message: MessageOf<Type> }[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.message.type === type
      ? [{ to: effect.to, message: effect.message as MessageOf<Type> }]
      : [],
  )
}

type MessageOf<Type extends Message['type']> = Message extends infer One
  ? One extends { type: infer Name }
    ? Type extends Name
      ? One
      : never
    : never
  : never

/** The facts that were published. */
export function published(effects: readonly Effect[]): Fact[] {
  return effects.flatMap((effect) => (effect.type === 'publish' ? effect.message.facts : []))
}

/** The events that were emitted. */
export function events(effects: readonly Effect[]): Event[] {
  return effects.flatMap((effect) => (effect.type === 'emit' ? [effect.event] : []))
}

/** The peer ids that were to be dialled. */
export function dialled(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) => (effect.type === 'dial' ? [effect.peerId] : []))
}
