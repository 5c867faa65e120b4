import { sizeOf, subjectOf } from './fact.ts'
import type { Fact } from './fact.ts'
import { arm, disarm, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/** Who is told: everybody, by gossip and this actor's children on their streams too, or only those children, or its parent. */
export type Audience = 'mesh' | 'children' | 'parent'

/**
 * Puts a fact into the next batch; a later one about the same actor replaces it. A fact that others are likely to
 * tell as well may wait up to a batch longer, so that the first one spares the others theirs; one that others wait for
 * only a part of it.
 */
export function tell(turn: Turn, audience: Audience, fact: Fact, batches = 1): void {
  const queue = turn.state.outbox[audience]
  const key = keyOf(fact)
  queue.delete(key)
  queue.set(key, fact)
  if (queue.size > turn.state.limits.queue) {
    for (const oldest of queue.keys()) {
      queue.delete(oldest)
      turn.state.counters.dropped++
      break
    }
  }
  schedule(turn, batches)
}

/** Puts the claim of the arbiter into the next batch. */
export function tellClaim(turn: Turn, audience: Exclude<Audience, 'parent'>): void {
  if (audience === 'mesh') turn.state.outbox.claimToMesh = true
  else turn.state.outbox.claimToChildren = true
  schedule(turn, 1)
}

/** Sends what has gathered. */
export function flush(turn: Turn): void {
  const { state } = turn
  const { outbox } = state
  disarm(turn, 'batch')
  const claim = state.election.claim ?? null
  // with nobody to hear it a change needs no message: the first sync with a neighbour will bring it
  if (state.links.size > 0) {
    for (const facts of pages(state, outbox.mesh.values(), outbox.claimToMesh && claim !== null)) {
      turn.effects.push({ type: 'publish', message: { type: 'facts', facts, claim } })
    }
    const children = childLinks(state)
    if (children.length > 0) {
      const news = new Map([...outbox.mesh, ...outbox.children]).values()
      const evenEmpty = (outbox.claimToMesh || outbox.claimToChildren) && claim !== null
      for (const facts of pages(state, news, evenEmpty)) {
        for (const child of children) send(turn, child, { type: 'facts', facts, claim })
      }
    }
    const { parent } = ownRecord(state)
    if (parent !== undefined)
      for (const facts of pages(state, outbox.parent.values(), false))
        send(turn, parent, { type: 'facts', facts, claim })
  }
  outbox.mesh.clear()
  outbox.children.clear()
  outbox.parent.clear()
  outbox.claimToMesh = false
  outbox.claimToChildren = false
}

/** Splits facts into lists that fit into a message; a single empty one when there are none and `evenEmpty`. */
export function* pages(state: CoreState, facts: Iterable<Fact>, evenEmpty: boolean): Generator<Fact[]> {
  const { pageBytes, pageFacts } = state.limits
  let page: Fact[] = []
  let bytes = 0
  let any = false
  for (const fact of facts) {
    const size = sizeOf(fact)
    if (page.length > 0 && (bytes + size > pageBytes || page.length >= pageFacts)) {
      any = true
      yield page
      page = []
      bytes = 0
    }
    page.push(fact)
    bytes += size
  }
  if (page.length > 0 || (evenEmpty && !any)) yield page
}

/** A suspicion must not take the place of a record. */
function keyOf(fact: Fact): string {
  return fact.kind === 'suspect' ? `suspect ${subjectOf(fact)}` : subjectOf(fact)
}

/** The own children whose streams are up, those that are hidden included: they have to hear why. */
export function childLinks(state: CoreState): string[] {
  const self = ownRecord(state).peerId
  return [...state.links.keys()].filter((peerId) => state.registry.kept(peerId)?.record.parent === self)
}

function schedule(turn: Turn, batches: number): void {
  const at = turn.now + turn.state.profile.batch * batches
  if ((turn.state.timers.get('batch') ?? Infinity) > at) arm(turn, 'batch', at)
}
