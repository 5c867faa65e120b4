import { profiles } from '../../../discovery/profile.ts'
import { compareLives } from '../../../discovery/core/version.ts'
import type { SimulatedActor } from '../actor.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily, World } from './law.ts'

/** Who is called dead, and who is not. */
export const detectionLaws: LawFamily = (world) => [
  livingAreNotCalledDead(world),
  hearsayIsNoVerdict(world),
  childrenGoWithTheirParents(),
]

/**
 * Connections may break, programs restart and leave: as long as the network carries messages and nobody is stopped,
 * that is no reason for a verdict. What was suspected before the quiet began has until the longest suspicion to be refuted.
 */
function livingAreNotCalledDead(world: World): Law {
  const title = 'in quiet weather nobody who runs is called dead'
  const verdicts = new WeakMap<SimulatedActor, number>()
  return {
    title,
    onStep({ actor, effects, now }) {
      const { verdicts: count } = actor.core.counters
      const before = verdicts.get(actor) ?? 0
      if (count === before) return
      verdicts.set(actor, count)
      const { suspicion, probe } = profiles[actor.core.profile.name]
      const quiet = now - world.quietSince
      if (quiet < suspicion.max + 4 * probe.interval) return
      for (const effect of effects) {
        if (effect.type !== 'emit' || effect.event.type !== 'down' || effect.event.why !== 'dead') continue
        const { record } = effect.event
        const target = world.get(record.peerId)
        if (target === undefined || target.core.leaving || record.inc < target.inc) continue
        // whoever flaps stays out on purpose until it has been well for a while, and its refutation takes its way
        const { cutOff, cutOffAt } = target.core.liveness.health
        if (cutOff || target.localTime(now) - cutOffAt < probe.timeout) continue
        throw new Broken(title, `${actor.id} calls ${target.id} dead after ${(quiet / 1_000).toFixed(1)} s of quiet`)
      }
    },
  }
}

function hearsayIsNoVerdict(world: World): Law {
  const title = 'what another registry says of somebody is no verdict on the living'
  return {
    title,
    onStep({ actor, input, effects }) {
      if (input.type !== 'message' || input.message.type !== 'state' || actor.parent !== undefined) return
      // what a child says is for its parent to say on
      if (actor.core.registry.kept(input.from)?.record.parent === actor.id) return
      for (const effect of effects) {
        if (effect.type !== 'emit' || effect.event.type !== 'down' || effect.event.why !== 'dead') continue
        const { record } = effect.event
        const target = record.parent === undefined ? world.get(record.peerId) : undefined
        if (target === undefined || target.core.leaving || record.inc < target.inc) continue
        const end = actor.core.registry.tombstone(record.peerId)
        // a later life than the one that was shown: whatever that one was, it is over
        if (end !== undefined && compareLives(end, record) > 0) continue
        throw new Broken(title, `${actor.id} takes ${target.id} for dead because ${input.from} has it so`)
      }
    },
  }
}

function childrenGoWithTheirParents(): Law {
  const title = 'nobody is shown without its parent'
  let steps = 0
  return {
    title,
    onStep({ actor }) {
      // a look at all that one shows, now and then
      if (++steps % 211 !== 0) return
      const { registry } = actor.core
      for (const { peerId, parent, inc } of registry.actors()) {
        if (parent === undefined) continue
        const above = registry.get(parent)
        if (above === undefined) throw new Broken(title, `${actor.id} shows ${peerId} without ${parent}`)
        if (above.inc > inc) throw new Broken(title, `${actor.id} shows ${peerId} of a former life of ${parent}`)
      }
    },
  }
}
