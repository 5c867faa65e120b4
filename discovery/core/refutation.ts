import type { ActorRecord } from '../record.ts'
import { worsen } from './health.ts'
import { requestSign } from './own.ts'
import { emit, ownRecord } from './state.ts'
import type { Turn } from './state.ts'
import { compareLives } from './version.ts'
import type { Life } from './version.ts'

/**
 * Raises the own version above an accusation, which nobody else can; gives false when there is nothing to refute.
 *
 * Who gets hardly any answers waits until it does: what others say of it is right, and each refutation would only bring
 * back an actor that nobody can use.
 */
export function refute(turn: Turn, accusation: Life & { readonly by: string }): boolean {
  const { state } = turn
  const own = ownRecord(state)
  if (own.status === 'left' || state.signing?.status === 'left') return false
  if (compareLives(accusation, own) < 0) return false
  if (!state.registry.isCredible({ ...accusation, peerId: own.peerId })) {
    state.counters.incredible++
    return false
  }
  if (accusation.inc > own.inc) {
    outbid(turn, accusation, undefined)
    return true
  }
  const pending = state.signing
  if (pending !== undefined && compareLives(accusation, pending) < 0) return true
  const { health } = state.liveness
  if (health.cutOff) {
    const { inc, rev, by } = accusation
    if (health.accused === undefined || compareLives(health.accused, accusation) < 0) health.accused = { inc, rev, by }
    return true
  }
  health.accused = undefined
  state.counters.refutations++
  worsen(state, 1)
  emit(turn, { type: 'accused', by: accusation.by })
  requestSign(turn, { inc: own.inc, rev: accusation.rev + 1, seq: own.seq })
  return true
}

/** Refutes what was said while this actor was cut off. */
export function refuteLate(turn: Turn): void {
  const { accused } = turn.state.liveness.health
  if (accused !== undefined) refute(turn, accused)
}

/** Begins a later life than one that somebody else claims for this peer id. */
export function outbid(turn: Turn, life: { inc: number }, record: ActorRecord | undefined): void {
  const { state } = turn
  const own = ownRecord(state)
  if (own.status === 'left' || state.signing?.status === 'left') return
  if (state.signing !== undefined && state.signing.inc > life.inc) return
  // two living processes with one key would outbid each other for ever; a word that nobody signed is no such process
  if ((record !== undefined && state.reclaims >= state.limits.reclaims) || life.inc >= Number.MAX_SAFE_INTEGER - 1) {
    if (state.reclaims === state.limits.reclaims) emit(turn, { type: 'conflict', record })
    state.reclaims = state.limits.reclaims + 1
    return
  }
  if (record !== undefined) state.reclaims++
  requestSign(turn, { inc: Math.max(own.inc, life.inc + 1), rev: 0, seq: own.seq })
}

/**
 * A parent that outbids an earlier life of its peer id, or whose machine's clock was far behind, gets younger than its
 * children, which hides them: they follow. Only while the stream is the first one to it, so that the child of a former
 * life, whose process is about to end, is not taken for one of the next.
 */
export function followParent(turn: Turn, from: string, { peerId, inc }: ActorRecord): void {
  const { state } = turn
  const own = ownRecord(state)
  if (peerId !== own.parent || from !== peerId || state.parentLinks !== 1) return
  if (own.status === 'left' || state.signing?.status === 'left') return
  if (inc > Math.max(own.inc, state.signing?.inc ?? 0)) requestSign(turn, { inc, rev: 0, seq: own.seq })
}
