import { describe } from 'vitest'
import { Buckets, differenceOf, SPAN } from '../../discovery/core/buckets.ts'
import { step } from '../../discovery/core/core.ts'
import type { Effect } from '../../discovery/core/effect.ts'
import { sameDigest, subjectOf } from '../../discovery/core/fact.ts'
import type { Fact, Known } from '../../discovery/core/fact.ts'
import type { Input } from '../../discovery/core/input.ts'
import { coreLimits } from '../../discovery/core/limits.ts'
import type { CoreLimits } from '../../discovery/core/limits.ts'
import { encodeMessage, parseMessage } from '../../discovery/core/messages.ts'
import { Registry } from '../../discovery/core/registry.ts'
import { createCore } from '../../discovery/core/state.ts'
import { compareLives } from '../../discovery/core/version.ts'
import type { Life } from '../../discovery/core/version.ts'
import { profiles } from '../../discovery/profile.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { fuzz } from '../rpc/fixtures/fuzz.ts'
import type { RandomSource } from '../rpc/fixtures/random.ts'
import { seal, unseal } from '../simulator/actor.ts'
import { hostileMessage, hostileRecord, IDS, pick, SELF } from './support/hostile-messages.ts'

/** Steps of one case. */
const STEPS = 150
const limits: Partial<CoreLimits> = { members: 30, queue: 8, lost: 4, links: 8, seeds: 4, exited: 4, pageBytes: 3_000 }

const profile = profiles.loopback

/** A core, what it was fed and what it must not forget. */
class Victim {
  readonly state = createCore({ profile, limits })
  now = 1_000
  own: ActorRecord
  /** Every record that anybody signed. */
  readonly signed = new Set<string>()
  /** By peer id: the highest life that was seen to be over, and until when that must be remembered. */
  readonly over = new Map<string, Life & { readonly until: number }>()
  readonly #random: RandomSource

  constructor(random: RandomSource, child: boolean) {
    this.#random = random
    const above = child ? { parent: IDS[0]!, root: IDS[0]! } : { root: SELF }
    const version = { inc: 1_000, rev: 0, seq: 0 }
    this.own = { ...hostileRecord(random, SELF), parent: undefined!, ...above, ...version, status: 'up' }
    if (!child) delete (this.own as { parent?: string }).parent
    this.give({ type: 'start', own: this.#sign(this.own), expectPeers: random.chance(0.5) })
  }

  give(input: Input): void {
    const before = this.state.own?.record
    const effects = step(this.state, this.now, () => this.#random.int(2 ** 30) / 2 ** 30, input)
    for (const effect of effects) this.#check(effect)
    this.#checkState(before)
    for (const effect of effects) {
      if (effect.type !== 'sign') continue
      const { inc, rev, seq, status } = effect
      this.own = { ...this.own, inc, rev, seq, status }
      this.give({ type: 'own', own: this.#sign(this.own) })
    }
  }

  hear(): void {
    const random = this.#random
    const from = pick(random, IDS)
    const value = hostileMessage(random)
    let message
    try {
      message = parseMessage(value, unseal)
    } catch (error) {
      must((error as { code?: string }).code === 'BAD_MESSAGE', String(error))
      return
    }
    if ('facts' in message) {
      for (const fact of message.facts) if (fact.kind === 'record') this.#note(fact.known)
    }
    this.give({ type: 'message', from, via: random.chance(0.7) ? 'stream' : 'gossip', message })
  }

  #sign(record: ActorRecord): Known {
    const known = { record, signed: seal(record) }
    this.#note(known)
    return known
  }

  #note(known: Known): void {
    this.signed.add(textOf(known))
  }

  #check(effect: Effect): void {
    if (effect.type === 'setTimer') must(Number.isFinite(effect.at), `${effect.name} at ${effect.at}`)
    if (effect.type === 'sign')
      for (const part of [effect.inc, effect.rev, effect.seq])
        must(Number.isSafeInteger(part), `a version with ${part}`)
    if (effect.type !== 'send' && effect.type !== 'publish') return
    // what is said is what others take
    const again = parseMessage(encodeMessage(effect.message), unseal)
    must(again.type === effect.message.type, 'another type')
    if ('facts' in effect.message)
      for (const fact of effect.message.facts)
        if (fact.kind === 'record') must(this.signed.has(textOf(fact.known)), 'a record that nobody signed')
  }

  #checkState(before: ActorRecord | undefined): void {
    const { registry, own, outbox, pulls, links, lost, dials, exited, timers, liveness, limits: most } = this.state
    if (before !== undefined && own !== undefined) {
      const { inc, rev, seq } = own.record
      must(compareLives(own.record, before) >= 0, 'the own version fell')
      must([inc, rev, seq].every(Number.isSafeInteger), 'the own version is no number')
    }
    const bounds: Record<string, [number, number]> = {
      members: [registry.size, most.members],
      ends: [registry.ended, most.tombstones],
      outbox: [Math.max(outbox.mesh.size, outbox.children.size, outbox.parent.size), most.queue],
      pulls: [pulls.size, most.pulls],
      links: [links.size, most.links],
      lost: [lost.size, most.lost],
      exited: [exited.size, most.exited],
      dials: [dials.size, most.members + most.seeds],
      timers: [timers.size, 12],
      relays: [liveness.relays.size, most.relays],
      suspicions: [liveness.suspicions.size, registry.size],
    }
    for (const [what, [size, bound]] of Object.entries(bounds)) must(size <= bound, `${size} ${what}`)
    for (const peerId of IDS) this.#checkEnd(peerId)
    must(({} as Record<string, unknown>)['polluted'] === undefined, 'a prototype was changed')
  }

  /** Nobody comes back in the life that was over. */
  #checkEnd(peerId: string): void {
    const { registry } = this.state
    const shown = registry.get(peerId)
    const over = this.over.get(peerId)
    if (shown !== undefined && over !== undefined && this.now < over.until)
      must(compareLives(shown, over) > 0, `${peerId} is back`)
    const end = registry.tombstone(peerId)
    if (end !== undefined && (over === undefined || compareLives(end, over) > 0))
      this.over.set(peerId, { inc: end.inc, rev: end.rev, until: end.at + profile.tombstoneTtl })
  }
}

/** Quicker than `expect`: it is asked millions of times. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

function textOf({ signed }: Known): string {
  return Buffer.from(signed.bytes).toString()
}

function disturb(victim: Victim, random: RandomSource): void {
  const peerId = pick(random, IDS)
  const timers = [...victim.state.timers]
  const timer = timers[random.int(Math.max(1, timers.length))]
  switch (random.int(12)) {
    case 0:
      return victim.give({ type: 'connected', peerId })
    case 1:
      return victim.give({ type: 'disconnected', peerId })
    case 2:
      return victim.give({ type: 'subscribed', peerId })
    case 3:
      return victim.give({ type: 'dialled', peerId, outcome: pick(random, ['reached', 'refused', 'failed'] as const) })
    case 4:
      return victim.give({ type: 'peers', peers: [{ peerId, addrs: [`/x/${random.int(3)}`] }] })
    case 5:
      return victim.give({ type: random.chance(0.5) ? 'lookupFailed' : 'childExited', peerId })
    case 6:
      return victim.give({ type: 'changed' })
    case 7:
      victim.now += random.chance(0.1) ? profile.tombstoneTtl : random.int(10_000)
      return
    default:
      if (timer === undefined) return
      if (random.chance(0.8)) victim.now = Math.max(victim.now, timer[1])
      victim.give({ type: 'timer', name: timer[0] })
  }
}

describe('a core that hears anything in any order', () => {
  fuzz('throws nothing, stays bounded, raises nobody else, and lets no ended life come back', 200, (random) => {
    const victim = new Victim(random, random.chance(0.2))
    for (let count = 0; count < STEPS; count++) {
      if (random.chance(0.6)) victim.hear()
      else disturb(victim, random)
    }
    if (random.chance(0.2)) victim.give({ type: 'leave' })
    // left in peace, it forgets what nobody can see
    for (let pass = 0; pass < 40; pass++) {
      victim.now += profile.hiddenTtl
      victim.give({ type: 'timer', name: 'sync' })
    }
    const { registry } = victim.state
    must(registry.ended === 0, 'ends are remembered for ever')
    // but the own one, of a child whose root is gone for its own part
    const self = victim.state.own?.record.peerId ?? ''
    const own = registry.get(self) === undefined && registry.kept(self) !== undefined ? 1 : 0
    must(registry.size === registry.digest.count + own, 'hidden records are kept for ever')
  })
})

describe('two registries', () => {
  fuzz('that exchange what differs by buckets soon hold the same, whatever each had heard', 1_000, (random) => {
    const [one, other] = [filled(random), filled(random)]
    // what was hidden for want of a parent shows when that has come, and is told in the next round
    for (let round = 0; round < 4 && !sameDigest(one.digest, other.digest); round++) {
      tellAll(one, other, random)
      tellAll(other, one, random)
    }
    must(sameDigest(one.digest, other.digest), 'the digests differ')
    must(Buffer.compare(one.sums(11, 0), other.sums(11, 0)) === 0, 'the sums differ')
  })
})

describe('a table of buckets', () => {
  fuzz('bears sums of any length and content', 500, (random) => {
    const buckets = new Buckets()
    const [level, from] = [4 + random.int(8), random.int(SPAN)]
    const difference = differenceOf(buckets.sums(level, from), random.bytes(random.int(300)), level, from)
    must([...buckets.stretches(0, SPAN, difference)].length === 0, 'an empty table tells something')
  })
})

function filled(random: RandomSource): Registry {
  const registry = new Registry({ tombstoneTtl: 10_000, hiddenTtl: 1_000 })
  for (let count = random.int(60); count > 0; count--) {
    const value = hostileMessage(random, 'facts')
    let message
    try {
      message = parseMessage(value, unseal)
    } catch {
      continue
    }
    if ('facts' in message) for (const fact of message.facts) if (isPlain(fact)) take(registry, fact)
  }
  return registry
}

function tellAll(from: Registry, to: Registry, random: RandomSource): void {
  const level = 4 + random.int(8)
  const difference = from.compare(level, 0, to.sums(level, 0))
  for (const { facts } of from.difference(0, SPAN, difference, 0)) {
    for (const fact of facts) {
      const outcome = take(to, fact)
      const later = to.kept(subjectOf(fact))
      // what is hidden there is not told, but answers what is out of date
      if (outcome === 'older' && later !== undefined) take(from, { kind: 'record', known: later })
    }
  }
}

function take(registry: Registry, fact: Fact): unknown {
  if (fact.kind === 'record') return registry.mergeRecord(fact.known, 0).outcome
  return fact.kind === 'end' ? registry.mergeEnd(fact.end, 0).outcome : undefined
}

/** Whether an honest owner may get to such a version. */
function isPlain(fact: Fact): boolean {
  const { inc, rev } = fact.kind === 'record' ? fact.known.record : fact.kind === 'end' ? fact.end : fact.accusation
  return inc <= coreLimits.inc && rev <= coreLimits.rev
}
