import { arbiterOf, isArbiter } from '../../../discovery/core/election.ts'
import { compareClaims } from '../../../discovery/core/token.ts'
import type { Claim, Token } from '../../../discovery/core/token.ts'
import type { SimulatedActor } from '../actor.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily } from './law.ts'

/** One arbiter, as far as that was promised. */
export const electionLaws: LawFamily = (world) => [
  oneArbiterATerm(world.electorate === 'quorum'),
  tokenNeverFalls(),
  oneVoteATerm(),
  oneRulesACommittee(),
  oneArbiterInPeace(),
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

function oneVoteATerm(): Law {
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
    const key = `${actor.id} ${actor.index} ${term}`
    const before = votes.get(key)
    if (before !== undefined && before !== candidate) {
      throw new Broken(title, `${actor.id} voted for ${before} and for ${candidate} in term ${term}`)
    }
    votes.set(key, candidate)
  }
}

function oneRulesACommittee(): Law {
  const title = 'no two arbiters with a valid lease rule one committee'
  const ruling = new Set<SimulatedActor>()
  return {
    title,
    onStep({ actor, now }) {
      if (actor.core.election.reign === undefined) {
        ruling.delete(actor)
        return
      }
      ruling.add(actor)
      if (!isArbiter(actor.core, actor.localTime(now))) return
      const committee = committeeOf(actor)
      for (const other of ruling) {
        if (other === actor || !isArbiter(other.core, other.localTime(now)) || committeeOf(other) !== committee)
          continue
        throw new Broken(title, `${actor.id} and ${other.id} both rule over ${committee}`)
      }
    },
    onEnd(actor) {
      ruling.delete(actor)
    },
  }
}

function oneArbiterInPeace(): Law {
  return {
    title: 'in peace there is exactly one arbiter, and everybody knows it',
    *settled(component) {
      const [first] = component
      if (first === undefined) return
      const arbiter = showToken(arbiterOf(first.core))
      for (const { id, core } of component) {
        const seen = arbiterOf(core)
        if (seen === null) yield `${id} knows no arbiter`
        else if (showToken(seen) !== arbiter) yield `${id} has arbiter ${showToken(seen)}, ${first.id} has ${arbiter}`
      }
      const ruling = component.filter(({ core }) => core.election.reign !== undefined).map(({ id }) => id)
      if (ruling.length !== 1) yield `${ruling.length} arbiters rule: ${ruling.join(', ')}`
    },
  }
}

function committeeOf({ core }: SimulatedActor): string {
  return core.election.reign?.committee.join(' ') ?? ''
}
