import type { Profile } from '../../discovery/profile.ts'

/** When the two ends of a placement ask for each other, and give each other up; milliseconds. */
export interface PlacementTimes {
  /** Pause between two beats of the host, which its owner answers. */
  readonly beatMs: number
  /** After so long without an answer the host ends the actor, after so long without a beat its owner gives it up. */
  readonly lostAfterMs: number
}

/** The shortest and the longest of either time that a host accepts. */
export const MIN_BEAT_MS = 50
export const MAX_LOST_AFTER_MS = 600_000

/**
 * As long as the failure detector takes for a verdict with all its accusers, and as much suspicion again: 3,800 ms in profile
 * `loopback`, 8,000 ms in `lan`, 24,000 ms in `wan`.
 */
export function placementTimes({ probe, suspicion }: Profile): PlacementTimes {
  const { interval, timeout, indirect } = probe
  return { beatMs: interval, lostAfterMs: interval + timeout + indirect + 2 * suspicion.min }
}

/**
 * The most milliseconds of grace for what a host ends by itself: because it leaves, or because the owner is lost. What was
 * promised to the owner may be days.
 */
export const LOST_GRACE_MS = 1_000
/** Milliseconds beyond the ladder within which a process is surely gone on a host that runs. */
export const LATE_END_MS = 500

/** Milliseconds from when a host gives an actor up until the actor is gone there. */
export function lostEndMs(graceMs: number): number {
  return 1.25 * Math.min(graceMs, LOST_GRACE_MS) + LATE_END_MS
}
