import { arm } from './state.ts'
import type { CoreState, Turn } from './state.ts'

/*
 * Lifeguard's local health (Dadgar, Phillips and Currey, arXiv 1707.00788): an actor that gets no answers, or is late
 * itself, gives others more time, because the fault is probably its own.
 */

/** Own times are at most this many times as long. */
export const MAX_STRETCH = 8

/**
 * How many times as long a suspicion lasts where this actor does not trust itself. It asks more slowly as well, and when
 * half of a mesh dies at once, nobody hears much: with all eight the rest showed the dead for a minute and more (found
 * by the simulator).
 */
export const MAX_SUSPICION_STRETCH = 2

/** Rounds of probes over which the share of answers is taken, about, and at least so many probes. */
const memoryRounds = 2
const memoryProbes = 4
/** Below this share an actor takes itself for cut off, and above the second one for well again. */
const cutOffBelow = 0.3
const wellAbove = 0.7

/** After so many times the longest suspicion an episode is forgotten. */
const forgiven = 20

/** How many times as long as the profile says this actor's own times are. */
export function stretchOf({ liveness }: CoreState): number {
  return 1 + Math.floor(liveness.health.score)
}

/** Neither those that are probed answer, nor those that are asked about them: it is this actor that is cut off. */
function isAlone({ liveness }: CoreState): boolean {
  return liveness.health.cutOff && liveness.health.score >= MAX_STRETCH / 2
}

/** Nobody answers, and nothing else has come from any other root for as long as anybody is suspected at most. */
export function isIsolated(turn: Turn): boolean {
  const { liveness, profile } = turn.state
  return isAlone(turn.state) && turn.now - liveness.health.heardAt >= profile.suspicion.max * MAX_SUSPICION_STRETCH
}

/** Another root was heard. */
export function noteHeard({ state, now }: Turn, from: string): void {
  // a child on the same machine says nothing about the network
  if (state.registry.kept(from)?.record.parent === undefined) state.liveness.health.heardAt = now
}

/** Something went wrong that may be this actor's own fault. */
export function worsen({ liveness }: CoreState, by: number): void {
  const { health } = liveness
  health.score = Math.min(MAX_STRETCH - 1, health.score + by)
}

/** Something went well. */
export function recover({ liveness }: CoreState, by: number): void {
  const { health } = liveness
  health.score = Math.max(0, health.score - by)
}

/**
 * Counts whether a probe was answered by its target; whether this actor has become well again by that.
 *
 * Who was cut off a moment ago and is so again has to be well for a while first, each time longer (BGP's damping of
 * routes that flap, RFC 2439): else it would be taken in and thrown out for ever.
 */
export function noteAnswer({ state, now }: Turn, answered: boolean, targets: number): boolean {
  const { health } = state.liveness
  health.heard += (Number(answered) - health.heard) / Math.max(memoryProbes, targets * memoryRounds)
  if (health.heard < cutOffBelow && !health.cutOff) {
    health.cutOff = true
    health.episodes = now - health.cutOffAt > forgiven * state.profile.suspicion.max ? 1 : health.episodes + 1
  }
  if (health.cutOff) health.cutOffAt = now
  if (health.heard < wellAbove) health.wellAt = undefined
  else health.wellAt ??= now
  if (!health.cutOff || health.wellAt === undefined || now - health.wellAt < probation(state)) return false
  health.cutOff = false
  return true
}

/** With nobody to ask, there is nothing to judge oneself by. */
export function resetAnswers({ liveness }: CoreState): boolean {
  const { health } = liveness
  const was = health.cutOff
  health.heard = 1
  health.cutOff = false
  return was
}

function probation({ profile, liveness }: CoreState): number {
  const { episodes } = liveness.health
  return episodes < 2 ? 0 : profile.suspicion.max * Math.min(1, 2 ** (episodes - 3))
}

/**
 * A timer ran out late: this process was stopped, or too busy. What it waited for may be in its buffers, so all that
 * it waits for may take that much longer, and nobody is accused on waking.
 */
export function noteLag(turn: Turn, dueAt: number): void {
  const { state, now } = turn
  const { health, probes, suspicions } = state.liveness
  const { timeout } = state.profile.probe
  const lag = now - Math.max(dueAt, health.lagSeenAt)
  if (lag < timeout / 2) return
  health.lagSeenAt = now
  health.heardAt += lag
  state.counters.lags++
  worsen(state, Math.min(2, lag / timeout))
  for (const probe of probes.values()) probe.dueAt = Math.max(probe.dueAt + lag, now + timeout)
  for (const suspicion of suspicions.values()) {
    suspicion.since += lag
    suspicion.deadline += lag
  }
  const due = state.timers.get('suspicion')
  if (due !== undefined) arm(turn, 'suspicion', due + lag)
}
