import { claimsUntil, holds } from '../../../discovery/core/claims.ts'
import { compareFences } from '../../../discovery/core/fence.ts'
import type { Fence } from '../../../discovery/core/fence.ts'
import { compareTokens } from '../../../discovery/core/token.ts'
import type { SimulatedActor } from '../actor.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily } from './law.ts'

/**
 * A claimed name has one holder. Two parts of a mesh that do not hear each other may each grant it when the electorate
 * is elastic, and one of which nobody is left begins anew; so there the laws that compare holders are about runs up to
 * the first moment in which anything was cut, lost, late or stopped, or a term came twice.
 */
export const claimLaws: LawFamily = (world) => {
  let torn = false
  let highest = 0
  const reigns = new WeakSet<object>()
  const comparable = (actor: SimulatedActor): boolean => {
    if (torn || world.electorate === 'quorum') return !torn
    const { reign } = actor.core.election
    const begun = reign !== undefined && !reigns.has(reign)
    // terms that begin anew: nobody was left who knew of the others
    torn = world.quietSince > 0 || (begun && reign.token.term <= highest)
    if (begun) reigns.add(reign)
    highest = Math.max(highest, reign?.token.term ?? 0)
    return !torn
  }
  return [oneHolder(comparable), fencesRise(comparable), nothingAfterItsLease(), nobodyWaitsInPeace(), freeInPeace()]
}

/** Holders by name, kept up to date step by step. */
function oneHolder(comparable: (actor: SimulatedActor) => boolean): Law {
  const title = 'no two actors hold one name at the same time'
  const holders = new Map<string, Set<SimulatedActor>>()
  return {
    title,
    onStep({ actor, now, local }) {
      const strict = comparable(actor)
      const { own } = actor.core.claims
      for (const [name, known] of holders) if (known.has(actor) && !heldWith(actor, name, local)) known.delete(actor)
      for (const { id, name, fence } of own.values()) {
        if (fence === undefined || !holds(actor.core, id, local)) continue
        const known = holders.get(name) ?? new Set()
        holders.set(name, known.add(actor))
        for (const other of known) {
          const theirs = other === actor ? undefined : heldWith(other, name, other.localTime(now))
          // one arbiter has one holder of a name, whatever becomes of the network
          if (theirs === undefined || !(strict || haveOneArbiter(actor, other))) continue
          throw new Broken(
            title,
            `${actor.id} and ${other.id} both hold '${name}', ${until(actor)} and ${until(other)}`,
          )
        }
      }
    },
    onEnd(actor) {
      for (const known of holders.values()) known.delete(actor)
    },
  }

  function until(actor: SimulatedActor): string {
    return `until ${actor.virtualTime(claimsUntil(actor.core)).toFixed(1)}`
  }
}

/** Whether both leases are of one arbiter; the part of a mesh that went off renews with its own what it held before. */
function haveOneArbiter(
  { core: { claims: ours } }: SimulatedActor,
  { core: { claims: theirs } }: SimulatedActor,
): boolean {
  if (ours.ackedBy === undefined || theirs.ackedBy === undefined) return false
  return compareTokens(ours.ackedBy, theirs.ackedBy) === 0
}

function heldWith({ core }: SimulatedActor, name: string, local: number): Fence | undefined {
  for (const claim of core.claims.own.values()) {
    if (claim.name === name && holds(core, claim.id, local)) return claim.fence
  }
  return undefined
}

/** Resources that keep the highest fence they have seen: law 11, and that no valid holder is taken for a stale one. */
function fencesRise(comparable: (actor: SimulatedActor) => boolean): Law {
  const title = 'a later holder has a higher fence, so that no valid one is refused'
  const seen = new Map<string, { fence: Fence; writer: string }>()
  return {
    title,
    onStep({ actor, local }) {
      const strict = comparable(actor)
      for (const { id, name, fence } of actor.core.claims.own.values()) {
        if (fence === undefined || !holds(actor.core, id, local)) continue
        const before = seen.get(name)
        const order = before === undefined ? 1 : compareFences(fence, before.fence)
        if (order > 0) seen.set(name, { fence, writer: actor.id })
        else if (order < 0 && strict) {
          throw new Broken(title, `${actor.id} holds '${name}' with a lower fence than ${before?.writer ?? ''} had`)
        }
      }
    },
  }
}

function nothingAfterItsLease(): Law {
  const title = 'no actor keeps a name beyond its lease'
  return {
    title,
    onStep({ actor, local }) {
      for (const { id, name, fence } of actor.core.claims.own.values()) {
        if (fence !== undefined && !holds(actor.core, id, local)) throw new Broken(title, `${actor.id} keeps '${name}'`)
      }
    },
  }
}

function nobodyWaitsInPeace(): Law {
  return {
    title: 'in peace, with an arbiter, every claim that waits is granted, and given up in its time',
    *settled(component) {
      // a declared electorate without a majority grants nothing
      if (component.every(({ core }) => core.election.reign === undefined)) return
      for (const { id, core } of component) {
        for (const { name, fence } of core.claims.own.values()) {
          yield `${id} still ${fence === undefined ? 'waits for' : 'holds'} '${name}'`
        }
      }
    },
  }
}

function freeInPeace(): Law {
  return {
    title: 'in peace the books of the arbiter hold nothing of actors that are gone',
    *settled(component) {
      for (const { id, core } of component) {
        const { office } = core.claims
        if (office === undefined || core.election.reign === undefined) continue
        for (const party of office.parties.values()) {
          if (party.claims.size > 0) yield `${id} keeps ${party.claims.size} claims of ${party.actor}`
        }
        if (office.size > 0 || office.names.size > 0) yield `${id} keeps ${office.size} claims`
      }
    },
  }
}
