import { spawnSync } from 'node:child_process'

/** Milliseconds that `node -e ''` takes on an idle machine of the kind that CI rents. */
const IDLE_SPAWN_MS = 45
/** Milliseconds that {@link cpuLoop} takes there. */
const IDLE_LOOP_MS = 50
/** Deadlines grow by this much at most: a machine that is slower still is not fit to run these tests. */
const MAX_HEADROOM = 10

let measured: number | undefined

/**
 * How many times slower than an idle machine this one is now: 1 when it is idle, at most {@link MAX_HEADROOM}.
 *
 * Measured once a worker by what the tests spend their time with: starting processes and running JavaScript.
 */
function headroom(): number {
  measured ??= measure()
  return measured
}

/** A deadline, or a bound for a measured time, in milliseconds on an idle machine, scaled to this one. */
export function deadline(ms: number): number {
  return Math.ceil(ms * headroom())
}

function measure(): number {
  const spawns = median([spawn(), spawn(), spawn()]) / IDLE_SPAWN_MS
  const loops = median([timed(cpuLoop), timed(cpuLoop), timed(cpuLoop)]) / IDLE_LOOP_MS
  return Math.min(MAX_HEADROOM, Math.max(1, spawns, loops))
}

function spawn(): number {
  return timed(() => spawnSync(process.execPath, ['-e', ''], { stdio: 'ignore' }))
}

function cpuLoop(): void {
  let hash = 0
  for (let i = 0; i < 10_000_000; i++) hash = (hash * 31 + i) | 0
  if (hash === 1) throw new Error('the sum of this loop is another one')
}

function timed(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!
}
