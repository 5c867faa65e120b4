import { arbiterOf } from '../../../discovery/core/election.ts'
import { compareClaims } from '../../../discovery/core/token.ts'
import type { Claim, Token } from '../../../discovery/core/token.ts'
import type { SimulatedActor } from '../actor.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily, World } from './law.ts'

/** One arbiter, as far as that was promised. */
export const electionLaws: LawFamily = (world) => [
  oneArbiterATerm(world.electorate === 'quorum'),
  tokenNeverFalls(),
  oneVoteATerm(world.electorate === 'quorum'),
  oneRules(world),
  oneArbiterInPeace(world),
]

function showToken(token: Token | null | undefined): string {
  return token === null || token === undefined ? 'nobody' : `${token.term}/${token.inc}/${token.peerId}`
}

function oneArbiterATerm(quorum: boolean): Law {
  const title = quorum
    ? 'at most one arbiter is elected in a term'
    : 'at most one arbiter is elected per token, and per term and committee'
  const reigns = new Map<string, object>()
  return {
    title,
    onStep({ actor }) {
      const { reign } = actor.core.election
      if (reign === undefined) return
      const { token } = reign
      if (token.peerId !== actor.id) throw new Broken(title, `${actor.id} rules with the token of ${token.peerId}`)
      give(showToken(token), reign, actor)
      if (quorum) give(`term ${token.term}`, reign, actor)
    },
  }

  function give(key: string, reign: object, { id }: SimulatedActor): void {
    const before = reigns.get(key)
    if (before !== undefined && before !== reign)
      throw new Broken(title, `${id} won ${key}, which was given out before`)
    reigns.set(key, reign)
  }
}

function tokenNeverFalls(): Law {
  const title = 'the token that an actor accepts never falls'
  const claims = new WeakMap<SimulatedActor, Claim>()
  return {
    title,
    onStep({ actor }) {
      const { claim } = actor.core.election
      const before = claims.get(actor)
      if (before === claim) return
      if (before !== undefined && (claim === undefined || compareClaims(claim, before) < 0)) {
        throw new Broken(title, `${actor.id} accepted ${showToken(claim?.token)} after ${showToken(before.token)}`)
      }
      if (claim !== undefined) claims.set(actor, claim)
    },
  }
}

function oneVoteATerm(quorum: boolean): Law {
  const title = 'a voter has one vote a term'
  const votes = new Map<string, string>()
  return {
    title,
    onStep({ actor, effects }) {
      for (const effect of effects) {
        if (effect.type !== 'send') continue
        const { message, to } = effect
        if (message.type === 'vote') vote(actor, message.term, actor.id)
        else if (message.type === 'voted' && message.granted) vote(actor, message.term, to)
      }
      const { reign } = actor.core.election
      if (reign !== undefined) vote(actor, reign.token.term, actor.id)
    },
  }

  function vote(actor: SimulatedActor, term: number, candidate: string): void {
    // a declared elector is its name, in all its lives; without a disk a life is all that can be bound
    const key = `${quorum ? actor.name : actor.index} ${term}`
    const before = votes.get(key)
    if (before !== undefined && before !== candidate) {
      throw new Broken(title, `${actor.id} voted for ${before} and for ${candidate} in term ${term}`)
    }
    votes.set(key, candidate)
  }
}

function oneRules(world: World): Law {
  const quorum = world.electorate === 'quorum'
  const title = quorum ? 'no two arbiters have a valid lease' : 'no two arbiters with a valid lease rule one committee'
  const ruling = new Set<SimulatedActor>()
  return {
    title,
    onStep({ actor }) {
      if (actor.core.election.reign === undefined) {
        ruling.delete(actor)
        return
      }
      ruling.add(actor)
      if (!world.isArbiter(actor)) return
      const committee = committeeOf(actor)
      for (const other of ruling) {
        if (other === actor || !world.isArbiter(other)) continue
        if (!quorum && committeeOf(other) !== committee) continue
        throw new Broken(title, `${actor.id} and ${other.id} both rule over ${committee}`)
      }
    },
    onEnd(actor) {
      ruling.delete(actor)
    },
  }
}

function oneArbiterInPeace(world: World): Law {
  return {
    title: 'in peace there is exactly one arbiter where there can be one, and everybody knows it',
    *settled(component) {
      const [first] = component
      if (first === undefined) return
      const ruling = component.filter(({ core }) => core.election.reign !== undefined).map(({ id }) => id)
      if (world.electorate === 'quorum' && !hasMajority(component)) {
        if (ruling.length > 0) yield `${ruling.join(', ')} rules without a majority`
        return
      }
      const arbiter = showToken(arbiterOf(first.core))
      for (const { id, core } of component) {
        const seen = arbiterOf(core)
        if (seen === null) yield `${id} knows no arbiter`
        else if (showToken(seen) !== arbiter) yield `${id} has arbiter ${showToken(seen)}, ${first.id} has ${arbiter}`
      }
      if (ruling.length !== 1) yield `${ruling.length} arbiters rule: ${ruling.join(', ')}`
    },
  }
}

/** Whether so many electors that know their electorate are among these that they could elect. */
function hasMajority(component: readonly SimulatedActor[]): boolean {
  const electors = component.filter(
    ({ parent, name, core }) => parent === undefined && core.elector?.roll?.includes(name),
  )
  const roll = electors.find(({ core }) => core.elector?.settled === true)?.core.elector?.roll
  const size = electors[0]?.core.quorum?.size ?? Infinity
  // a new electorate has to be complete once
  if (roll === undefined) return electors.length === size
  return electors.filter(({ core }) => core.elector?.settled === true).length > size / 2
}

function committeeOf({ core }: SimulatedActor): string {
  return core.election.reign?.committee.join(' ') ?? ''
}
