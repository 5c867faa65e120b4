import type { ActorRecord } from '../record.ts'
import type { Change } from './change.ts'
import type { End } from './fact.ts'
import { keepAddresses } from './lost.ts'
import { tell } from './outbox.ts'
import type { Audience } from './outbox.ts'
import { noteRoot } from './standing.ts'
import { emit, ownRecord } from './state.ts'
import type { Turn } from './state.ts'
import { compareLives } from './version.ts'

/** Declares an actor dead on own evidence and tells everybody, or those alone that hear it for certain. */
export function declareDead(turn: Turn, { peerId, inc, rev }: ActorRecord, audience: Audience = 'mesh'): void {
  const { state, now } = turn
  const end: End = { peerId, inc, rev, state: 'dead', by: ownRecord(state).peerId, age: 0 }
  const merge = state.registry.mergeEnd(end, now)
  if (merge.outcome !== 'new') return
  state.counters.verdicts++
  applyChanges(turn, merge.changes)
  tell(turn, audience, { kind: 'end', end })
}

/** Tells the users of the layer what changed, and those parts of the core that keep account of the roots. */
export function applyChanges(turn: Turn, changes: readonly Change[]): void {
  const { state } = turn
  for (const change of changes) {
    emit(turn, change)
    if (change.record.parent !== undefined) continue
    turn.review = true
    onRootChange(turn, change)
    noteRoot(turn, change)
    state.lost.delete(change.record.peerId)
    if (change.type === 'down' && change.why === 'dead') keepAddresses(turn, change.record)
  }
}

function onRootChange(turn: Turn, { type, record }: Change): void {
  const { state } = turn
  const self = ownRecord(state).peerId
  const { rings } = state.liveness
  if (type === 'up') rings.add(record.peerId, self)
  else if (type === 'down') rings.remove(record.peerId, self)
  state.liveness.told.delete(record.peerId)
  clearSuspicion(turn, record, type === 'down')
}

/** Forgets a suspicion that was refuted, or that came true. */
function clearSuspicion(turn: Turn, { peerId, inc, rev }: ActorRecord, ended: boolean): void {
  const { state } = turn
  const { suspicions } = state.liveness
  const suspicion = suspicions.get(peerId)
  if (suspicion === undefined || (!ended && compareLives({ inc, rev }, suspicion) <= 0)) return
  suspicions.delete(peerId)
  if (!ended && inc === suspicion.inc) emit(turn, { type: 'refuted', peerId })
  const mine = suspicion.accusers.has(ownRecord(state).peerId)
  if (!ended && mine && inc === suspicion.inc) state.counters.falseSuspicions++
}
