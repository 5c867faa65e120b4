import type { Effect } from '../../discovery/core/effect.ts'
import { arbiterOf, isArbiter } from '../../discovery/core/election.ts'
import { sameDigest } from '../../discovery/core/fact.ts'
import { compareClaims } from '../../discovery/core/token.ts'
import type { Claim, Token } from '../../discovery/core/token.ts'
import type { SimulatedActor } from './actor.ts'

/** Watches every step of every core; what must never happen throws at once. */
export class Laws {
  readonly #claims = new WeakMap<SimulatedActor, Claim>()
  readonly #votes = new Map<string, string>()
  readonly #reigns = new Map<string, object>()
  #elections = 0

  /** How many arbiters were elected so far. */
  get elections(): number {
    return this.#elections
  }

  /** Checks an actor after a step; `all` are those that it lives with. */
  check(actor: SimulatedActor, effects: readonly Effect[], now: number, all: Iterable<SimulatedActor>): void {
    this.#tokenNeverFalls(actor)
    if (isArbiter(actor.core, now)) this.#oneRulesACommittee(actor, now, all)
    this.#tokenIsUnique(actor)
    this.#oneVoteATerm(actor, effects)
    this.#bounded(actor)
  }

  #oneRulesACommittee(actor: SimulatedActor, now: number, all: Iterable<SimulatedActor>): void {
    const committee = committeeOf(actor)
    for (const other of all) {
      if (other === actor || !other.running || !isArbiter(other.core, now)) continue
      if (committeeOf(other) === committee) throw new Error(`${actor.id} and ${other.id} both rule over ${committee}`)
    }
  }

  #tokenNeverFalls(actor: SimulatedActor): void {
    const { claim } = actor.core.election
    const before = this.#claims.get(actor)
    if (before !== undefined && (claim === undefined || compareClaims(claim, before) < 0)) {
      throw new Error(`${actor.id} accepted ${show(claim?.token)} after ${show(before.token)}`)
    }
    if (claim !== undefined) this.#claims.set(actor, claim)
  }

  #tokenIsUnique(actor: SimulatedActor): void {
    const { reign } = actor.core.election
    if (reign === undefined) return
    const key = show(reign.token)
    const before = this.#reigns.get(key)
    if (before === reign) return
    if (before !== undefined) throw new Error(`${actor.id} won ${key}, which was given out before`)
    if (reign.token.peerId !== actor.id) throw new Error(`${actor.id} rules with the token ${key} of another`)
    this.#reigns.set(key, reign)
    this.#elections++
  }

  #oneVoteATerm(actor: SimulatedActor, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'send') continue
      const { message, to } = effect
      if (message.type === 'vote') this.#vote(actor, message.term, actor.id)
      else if (message.type === 'voted' && message.granted) this.#vote(actor, message.term, to)
    }
    const { reign } = actor.core.election
    if (reign !== undefined) this.#vote(actor, reign.token.term, actor.id)
  }

  #vote(actor: SimulatedActor, term: number, candidate: string): void {
    const key = `${actor.id} ${actor.inc} ${term}`
    const before = this.#votes.get(key)
    if (before !== undefined && before !== candidate) {
      throw new Error(`${actor.id} voted for ${before} and for ${candidate} in term ${term}`)
    }
    this.#votes.set(key, candidate)
  }

  #bounded({ id, core }: SimulatedActor): void {
    const { timers, outbox, dials, registry, limits } = core
    if (timers.size > 10) throw new Error(`${id} has ${timers.size} timers`)
    if (outbox.mesh.size > limits.queue) throw new Error(`${id} has ${outbox.mesh.size} facts to publish`)
    if (dials.size > registry.size + limits.seeds) throw new Error(`${id} has ${dials.size} dials`)
  }
}

/** What must hold when nothing was disturbed for a while; gives every breach in words. */
export function settledBreaches(running: readonly SimulatedActor[]): string[] {
  const breaches: string[] = []
  const [first] = running
  if (first === undefined) return breaches
  const expected = running.map(({ id }) => id).sort()
  const arbiter = arbiterOf(first.core)
  for (const actor of running) {
    const { registry } = actor.core
    const seen = [...registry.actors()].map(({ peerId }) => peerId).sort()
    const missing = expected.filter((id) => !seen.includes(id))
    const extra = seen.filter((id) => !expected.includes(id))
    if (missing.length > 0) breaches.push(`${actor.id} misses ${missing.join(', ')}`)
    if (extra.length > 0) breaches.push(`${actor.id} still shows ${extra.join(', ')}`)
    if (!sameDigest(registry.digest, first.core.registry.digest)) {
      breaches.push(`${actor.id} has another digest than ${first.id}`)
    }
    const seenArbiter = arbiterOf(actor.core)
    if (seenArbiter === null) breaches.push(`${actor.id} knows no arbiter`)
    else if (show(seenArbiter) !== show(arbiter)) {
      breaches.push(`${actor.id} has arbiter ${show(seenArbiter)}, ${first.id} has ${show(arbiter)}`)
    }
    if (!actor.core.joined) breaches.push(`${actor.id} has not joined`)
  }
  const ruling = running.filter(({ core }) => core.election.reign !== undefined).map(({ id }) => id)
  if (ruling.length !== 1) breaches.push(`${ruling.length} arbiters rule: ${ruling.join(', ')}`)
  return breaches
}

function committeeOf({ core }: SimulatedActor): string {
  return core.election.reign?.committee.join(' ') ?? ''
}

function show(token: Token | null | undefined): string {
  return token === null || token === undefined ? 'nobody' : `${token.term}/${token.inc}/${token.peerId}`
}
