import type { ActorStatus } from '../record.ts'
import { electorateOfClaims } from './electorate.ts'
import type { Known } from './fact.ts'
import { sendBooks } from './grants.ts'
import { flush, tell } from './outbox.ts'
import type { Change } from './change.ts'
import { emit, ownRecord, send } from './state.ts'
import type { Turn } from './state.ts'
import { compareVersions } from './version.ts'
import type { Version } from './version.ts'

/** Asks the shell to sign the own record; a higher version that is being signed already is never undercut. */
export function requestSign(turn: Turn, version: Version, status?: ActorStatus): void {
  const { state, effects } = turn
  const own = ownRecord(state)
  const wanted = { ...version, status: status ?? state.signing?.status ?? own.status }
  state.signing = wanted
  effects.push({ type: 'sign', ...wanted })
}

/** Asks for the next version of the own record, because its content or its status has changed. */
export function requestNext(turn: Turn, status?: ActorStatus): void {
  const { inc, rev, seq } = turn.state.signing ?? ownRecord(turn.state)
  requestSign(turn, { inc, rev, seq: seq + 1 }, status)
}

/**
 * Takes the own record as it was signed and tells everybody; gives the changes of the registry, if it is a later one.
 */
export function takeOwn(turn: Turn, own: Known): readonly Change[] | undefined {
  const { state, now } = turn
  if (state.own !== undefined && compareVersions(own.record, ownRecord(state)) <= 0) return undefined
  state.own = own
  if (state.signing !== undefined && compareVersions(own.record, state.signing) >= 0) state.signing = undefined
  turn.review = true
  const { changes } = state.registry.mergeRecord(own, now)
  tell(turn, 'mesh', { kind: 'record', known: own })
  return changes
}

/**
 * Says the last word to every neighbour: the streams close right after this, and gossip might be cut off on its first
 * hop.
 */
export function sayGoodbye(turn: Turn, own: Known): void {
  const { state } = turn
  const facts = [{ kind: 'record', known: own }] as const
  for (const peerId of state.links.keys()) {
    send(turn, peerId, { type: 'facts', facts, claim: state.election.claim ?? null })
  }
  const { successor } = state.election
  if (successor !== undefined) {
    sendBooks(turn, successor)
    send(turn, successor.peerId, { type: 'handover', token: successor.token, ...electorateOfClaims(state) })
  }
  flush(turn)
  emit(turn, { type: 'left' })
}
