import type { ActorVitals, ArbiterSnapshot, MemberSnapshot, MeshEvent } from '../../index.ts'
import { type Rates, ratesBetween } from './rates.ts'
import { type Repeat, REPEAT_MS, repeatKey } from './repeats.ts'

/** Events that are kept; the oldest gives way. */
export const MAX_MODEL_EVENTS = 500
/** Actors that are gone and are remembered; the one that went first gives way. */
export const MAX_MODEL_GONE = 100

/** An actor as it was seen last. */
export interface ActorView {
  readonly member: MemberSnapshot
  readonly arbiter: boolean
  /** What it told of itself last. */
  readonly vitals: ActorVitals | undefined
  /** Why it did not answer when it was asked last. */
  readonly silent: string | undefined
  /** Milliseconds to it and back; of roots alone. */
  readonly rttMs: number | undefined
  /** Between the last two things that it told. */
  readonly rates: Rates | undefined
  /** When it was asked last; 0 for never. */
  readonly askedAt: number
}

/** A root and what is below it, as those who look at hosts want it. */
export interface HostView {
  readonly root: ActorView
  /** The tree, root first, each actor below its parent. */
  readonly actors: readonly { readonly actor: ActorView; readonly depth: number }[]
  /** Sums over those that answer. */
  readonly rates: { readonly served: number; readonly made: number; readonly failed: number }
}

/** An actor that is not there any more. */
export interface GoneView {
  readonly name: string
  readonly id: string
  readonly at: number
  readonly why: string
  /** How well that is known: 0 it is missed, 1 the mesh says so, 2 its parent has seen its end. */
  readonly source: number
}

/**
 * What is known of a mesh: its hosts, actors, rates and events, put together from what was read of it. Bounded whatever the
 * mesh does; knows no clock, no network and no screen.
 */
export class MeshModel {
  #actors = new Map<string, ActorView>()
  #arbiter: ArbiterSnapshot | null = null
  readonly #events: MeshEvent[] = []
  readonly #gone: GoneView[] = []
  /** Of events that repeat others, which have made room for them. */
  #repeats = new WeakMap<MeshEvent, Repeat>()
  /** Of what can repeat itself, the latest that is kept. */
  readonly #latest = new Map<string, MeshEvent>()

  /** The oldest first. */
  get actors(): readonly ActorView[] {
    return [...this.#actors.values()]
  }

  actor(id: string): ActorView | undefined {
    return this.#actors.get(id)
  }

  get arbiter(): ArbiterSnapshot | null {
    return this.#arbiter
  }

  /** The oldest first, at most 500; of those that repeat each other the latest. */
  get events(): readonly MeshEvent[] {
    return this.#events
  }

  /** How often an event has happened lately; nothing for one that did once. */
  repeat(event: MeshEvent): Repeat | undefined {
    return this.#repeats.get(event)
  }

  /** The latest first, at most 100. */
  get gone(): readonly GoneView[] {
    return this.#gone
  }

  hosts(): HostView[] {
    const below = Map.groupBy(this.#actors.values(), ({ member: { parent } }) =>
      parent !== null && this.#actors.has(parent) ? parent : '',
    )
    const tree = (actor: ActorView, depth: number): { actor: ActorView; depth: number }[] => [
      { actor, depth },
      ...(below.get(actor.member.id) ?? []).flatMap((child) => tree(child, depth + 1)),
    ]
    return (below.get('') ?? []).map((root) => {
      const actors = tree(root, 0)
      const sum = (read: (rates: Rates) => number): number =>
        actors.reduce((total, { actor: { rates } }) => total + (rates === undefined ? 0 : read(rates)), 0)
      const rates = {
        served: sum(({ served }) => served),
        made: sum(({ made }) => made),
        failed: sum(({ failed }) => failed),
      }
      return { root, actors, rates }
    })
  }

  /** As it is now, for those who look at it while it changes. */
  copy(): MeshModel {
    const copy = new MeshModel()
    copy.#actors = new Map(this.#actors)
    copy.#arbiter = this.#arbiter
    copy.#events.push(...this.#events)
    copy.#gone.push(...this.#gone)
    copy.#repeats = this.#repeats
    return copy
  }

  /** Who is there now: whoever is missing is gone. */
  takeMembers(members: readonly MemberSnapshot[], arbiter: ArbiterSnapshot | null, at: number): void {
    const before = this.#actors
    this.#arbiter = arbiter
    this.#actors = new Map(
      members.map((member) => {
        const known = before.get(member.id)
        const same = known?.member.incarnation === member.incarnation ? known : undefined
        return [member.id, { ...(same ?? UNKNOWN), member, arbiter: member.id === arbiter?.id }]
      }),
    )
    for (const { member } of before.values())
      if (!this.#actors.has(member.id))
        this.#noteGone({ name: member.name, id: member.id, at, why: 'it is not there any more', source: MISSED })
  }

  takeVitals(id: string, vitals: ActorVitals, at: number): void {
    const known = this.#actors.get(id)
    if (known === undefined) return
    const rates = known.vitals === undefined ? undefined : ratesBetween(known.vitals, vitals)
    this.#actors.set(id, { ...known, vitals, silent: undefined, rates, askedAt: at })
  }

  takeSilence(id: string, why: string, at: number): void {
    const known = this.#actors.get(id)
    if (known !== undefined) this.#actors.set(id, { ...known, silent: why, rates: undefined, askedAt: at })
  }

  takeRoundTrip(id: string, rttMs: number | undefined): void {
    const known = this.#actors.get(id)
    if (known !== undefined) this.#actors.set(id, { ...known, rttMs })
  }

  /** In the order of their times: what was before comes from several actors one after the other. */
  takeEvent(event: MeshEvent): void {
    const latest = this.#joinRepeats(event)
    const after = this.#events.findLastIndex(({ at }) => at <= latest.at)
    this.#events.splice(after + 1, 0, latest)
    if (this.#events.length > MAX_MODEL_EVENTS) this.#forget(this.#events.shift()!)
    const gone = goneOf(event)
    if (gone !== undefined) this.#noteGone(gone)
  }

  /** Takes out the event that this one repeats, so that what goes on and on leaves room for the rest; gives the later of them. */
  #joinRepeats(event: MeshEvent): MeshEvent {
    const key = repeatKey(event)
    if (key === undefined) return event
    const before = this.#latest.get(key)
    this.#latest.set(key, event)
    if (before === undefined || Math.abs(event.at - before.at) >= REPEAT_MS) return event
    this.#events.splice(this.#events.indexOf(before), 1)
    const { times, since } = this.#repeats.get(before) ?? { times: 1, since: before.at }
    const latest = before.at > event.at ? before : event
    this.#latest.set(key, latest)
    this.#repeats.set(latest, { times: times + 1, since: Math.min(since, event.at) })
    return latest
  }

  #forget(event: MeshEvent): void {
    const key = repeatKey(event)
    if (key !== undefined && this.#latest.get(key) === event) this.#latest.delete(key)
  }

  /** An actor goes once: who saw its end knows best why, whoever misses it knows least. */
  #noteGone(gone: GoneView): void {
    const at = this.#gone.findIndex(({ id }) => id === gone.id)
    if (at >= 0) {
      if (this.#gone[at]!.source >= gone.source) return
      this.#gone.splice(at, 1)
    }
    this.#gone.unshift(gone)
    if (this.#gone.length > MAX_MODEL_GONE) this.#gone.pop()
  }
}

const UNKNOWN: Omit<ActorView, 'member' | 'arbiter'> = {
  vitals: undefined,
  silent: undefined,
  rttMs: undefined,
  rates: undefined,
  askedAt: 0,
}

const MISSED = 0
const DECLARED = 1
const SEEN = 2

function goneOf(event: MeshEvent): GoneView | undefined {
  if (event.type === 'down') {
    const { actor, why, by, at } = event
    const words = {
      left: 'it left',
      dead: 'it is dead',
      subtree: 'an actor above it is gone',
      restarted: 'it began a new life',
    }
    const said = by === undefined || by.name === '' ? '' : `, says ${by.name}`
    return { name: actor.name, id: actor.id, at, why: `${words[why]}${said}`, source: DECLARED }
  }
  if (event.type === 'restarting') {
    const { child, why, at } = event
    return { name: child.name, id: child.id, at, why: `${why}; it is started again`, source: SEEN }
  }
  if (event.type !== 'ended' || event.kind === 'task') return undefined
  const { child, outcome, why, at } = event
  const words = { done: 'it was done', cancelled: 'it was cancelled', failed: 'it failed' }[outcome]
  return { name: child.name, id: child.id, at, why: why === undefined ? words : `${words}: ${why}`, source: SEEN }
}
