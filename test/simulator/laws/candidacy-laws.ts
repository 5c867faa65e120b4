import { majority } from '../../../discovery/core/token.ts'
import type { SimulatedActor } from '../actor.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily, World } from './law.ts'

/** Who may stand for election, and when. */
export const candidacyLaws: LawFamily = (world) => [
  asksBeforeItStands(),
  takesPartWhenJoined(),
  hearsOfOthersFirst(world),
]

function asksBeforeItStands(): Law {
  const title = 'who stands for election has the word of a majority, or was handed the office (PreVote)'
  /** By life and term: who would vote for it. */
  const words = new Map<string, Set<string>>()
  const handed = new Set<string>()
  return {
    title,
    onStep({ actor, input, effects }) {
      if (input.type === 'message' && input.message.type === 'prevoted' && input.message.granted) {
        const key = keyOf(actor, input.message.term)
        words.set(key, (words.get(key) ?? new Set()).add(input.from))
      } else if (input.type === 'message' && input.message.type === 'handover') {
        handed.add(keyOf(actor, actor.core.election.candidacy?.term ?? 0))
      }
      for (const effect of effects) {
        if (effect.type !== 'send' || effect.message.type !== 'vote') continue
        const key = keyOf(actor, effect.message.term)
        const size = actor.core.election.candidacy?.committee.length ?? 1
        const granted = 1 + (words.get(key)?.size ?? 0)
        if (granted >= majority(size) || handed.has(key)) continue
        throw new Broken(
          title,
          `${actor.id} stands in term ${effect.message.term} with the word of ${granted} of ${size}`,
        )
      }
    },
  }
}

function takesPartWhenJoined(): Law {
  const title = 'who does not know the mesh yet takes no part in its elections'
  return {
    title,
    onStep({ actor, effects }) {
      if (actor.core.joined) return
      if (actor.core.election.reign !== undefined) throw new Broken(title, `${actor.id} rules before it has joined`)
      for (const effect of effects) {
        if (effect.type !== 'send') continue
        const { message, to } = effect
        const votes = (message.type === 'voted' || message.type === 'prevoted') && message.granted
        if (!votes && message.type !== 'vote' && message.type !== 'prevote') continue
        throw new Broken(title, `${actor.id} sends ${message.type} to ${to} before it has joined`)
      }
    },
  }
}

function hearsOfOthersFirst(world: World): Law {
  const title = 'in quiet weather nobody elects itself beside others'
  const alone = new WeakSet<object>()
  return {
    title,
    onStep({ actor, now }) {
      const { reign } = actor.core.election
      if (reign === undefined || alone.has(reign)) return
      alone.add(reign)
      const { lease } = actor.core.profile
      if (world.electorate === 'quorum' || reign.committee.length > 1 || now - world.quietSince < 4 * lease) return
      const other = world
        .running()
        .find(
          ({ parent, core, bornAt }) =>
            parent === undefined && !core.leaving && core.joined && now - bornAt > 4 * lease,
        )
      if (other !== undefined && other !== actor) throw new Broken(title, `${actor.id} does, beside ${other.id}`)
    },
  }
}

function keyOf(actor: SimulatedActor, term: number): string {
  return `${actor.index} ${term}`
}
