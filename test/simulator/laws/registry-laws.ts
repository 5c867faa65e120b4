import { sameDigest, subjectOf } from '../../../discovery/core/fact.ts'
import type { Fact } from '../../../discovery/core/fact.ts'
import { Registry } from '../../../discovery/core/registry.ts'
import { compareLives, compareVersions } from '../../../discovery/core/version.ts'
import type { Life, Version } from '../../../discovery/core/version.ts'
import { profiles } from '../../../discovery/profile.ts'
import type { SimulatedActor } from '../actor.ts'
import { seeded, shuffled } from '../rng.ts'
import { Broken } from './law.ts'
import type { Law, LawFamily } from './law.ts'

/** What everybody knows of everybody. */
export const registryLaws: LawFamily = () => [
  ownerRaisesVersion(),
  mergeOrderIsNothing(),
  endedStaysEnded(),
  allAgree(),
]

/** Facts that are gathered from the traffic before their merge is tried in several orders. */
const sample = 24

function ownerRaisesVersion(): Law {
  const title = "only its owner raises an actor's version"
  const signed = new Map<string, Version>()
  return {
    title,
    onStep({ actor, input, effects }) {
      if (input.type === 'start') raise(actor.id, input.own.record)
      for (const effect of effects) {
        if (effect.type === 'sign') raise(actor.id, effect)
        else if (effect.type === 'emit' && (effect.event.type === 'up' || effect.event.type === 'updated')) {
          const { record } = effect.event
          const most = signed.get(record.peerId)
          if (most !== undefined && compareVersions(record, most) <= 0) continue
          throw new Broken(title, `${actor.id} shows ${show(record)} of ${record.peerId}, who signed ${show(most)}`)
        } else if (effect.type === 'send' || effect.type === 'publish') {
          if ('facts' in effect.message) for (const fact of effect.message.facts) check(actor, fact)
        }
      }
    },
  }

  function raise(peerId: string, version: Version): void {
    const before = signed.get(peerId)
    if (before === undefined || compareVersions(version, before) > 0) signed.set(peerId, version)
  }

  function check({ id }: SimulatedActor, fact: Fact): void {
    if (fact.kind === 'record') return
    const { peerId, inc, rev } = fact.kind === 'end' ? fact.end : fact.accusation
    const most = signed.get(peerId)
    if (most === undefined || compareLives({ inc, rev }, most) <= 0) return
    throw new Broken(title, `${id} accuses a life ${inc}.${rev} of ${peerId}, who signed ${show(most)}`)
  }
}

function mergeOrderIsNothing(): Law {
  const title = 'merging is commutative, associative and idempotent'
  const rng = seeded(7)
  const facts: Fact[] = []
  return {
    title,
    onStep({ input }) {
      if (input.type !== 'message' || !('facts' in input.message)) return
      for (const fact of input.message.facts) if (rng() < 0.2 && facts.length < sample) facts.push(fact)
      if (facts.length < sample) return
      const [first, ...others] = Array.from({ length: 3 }, () =>
        merged(shuffled(rng, [...facts, ...facts.slice(0, 8)])),
      )
      for (const other of others) {
        if (first !== undefined && !sameDigest(first, other)) {
          throw new Broken(title, `two orders of ${sample} facts differ: ${facts.map(subjectOf).join(', ')}`)
        }
      }
      facts.length = 0
    },
  }

  function merged(order: readonly Fact[]) {
    const registry = new Registry(profiles.loopback)
    for (const fact of order) take(registry, fact)
    return registry.digest
  }
}

function take(registry: Registry, fact: Fact): void {
  if (fact.kind === 'record') registry.mergeRecord(fact.known, 0)
  else if (fact.kind === 'end') registry.mergeEnd(fact.end, 0)
}

function endedStaysEnded(): Law {
  const title = 'a life that left or was called dead is not shown again while its end is remembered'
  const ended = new WeakMap<SimulatedActor, Map<string, Life & { readonly at: number }>>()
  return {
    title,
    onStep({ actor, effects, local }) {
      for (const effect of effects) {
        if (effect.type !== 'emit') continue
        const { event } = effect
        if (event.type === 'down' && (event.why === 'dead' || event.why === 'left')) {
          const lives = ended.get(actor) ?? new Map<string, Life & { readonly at: number }>()
          const { inc, rev } = event.record
          const at = actor.core.registry.tombstone(event.record.peerId)?.at ?? local
          lives.set(event.record.peerId, { inc, rev, at })
          ended.set(actor, lives)
        } else if (event.type === 'up' || event.type === 'updated') {
          const { peerId, inc, rev } = event.record
          const end = ended.get(actor)?.get(peerId)
          if (end === undefined || compareLives(event.record, end) > 0) continue
          if (local - end.at >= actor.core.profile.tombstoneTtl) continue
          throw new Broken(title, `${actor.id} shows ${peerId} at ${inc}.${rev}, whose end it knew`)
        }
      }
    },
  }
}

function allAgree(): Law {
  return {
    title: 'in peace all registries are equal, the dead are gone, the living are all there and found by name',
    *settled(component) {
      const [first] = component
      if (first === undefined) return
      const expected = new Map(component.map((actor) => [actor.id, actor]))
      const shown = new Set<string>()
      for (const { peerId, inc } of first.core.registry.actors()) {
        shown.add(peerId)
        const actor = expected.get(peerId)
        if (actor === undefined) yield `${first.id} still shows ${peerId}`
        else if (inc < actor.inc) yield `${first.id} shows an earlier life of ${peerId}`
      }
      for (const id of expected.keys()) if (!shown.has(id)) yield `${first.id} misses ${id}`
      for (const { id, core } of component) {
        const { registry } = core
        if (!sameDigest(registry.digest, first.core.registry.digest)) yield `${id} has another digest than ${first.id}`
        if (!core.joined) yield `${id} has not joined`
      }
      for (const { id, name, core } of component) {
        if (core.leaving) continue
        const blind = component.find((other) => other.core.registry.find(name)[0]?.peerId !== id)
        if (blind !== undefined) yield `${blind.id} does not find '${name}'`
      }
    },
  }
}

function show(version: Version | undefined): string {
  return version === undefined ? 'nothing' : `${version.inc}.${version.rev}.${version.seq}`
}
