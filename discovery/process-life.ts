import { readFileSync } from 'node:fs'

/** When a process started, in its system's ticks since boot; null when it is gone or there is no `/proc`. */
export function startTimeOf(pid: number): string | null {
  return readLife(pid)?.startedAt ?? null
}

/**
 * Whether the process that had a pid is still running: not ended, no zombie, and not another process that got the
 * same pid. `startedAt` is what `startTimeOf` said of it, null where that is not known.
 */
export function isRunning(pid: number, startedAt: string | null): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // EPERM: it lives under another user
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const life = readLife(pid)
  if (life === undefined) return true
  if (life.state === 'Z' || life.state === 'X') return false
  return startedAt === null || life.startedAt === startedAt
}

function readLife(pid: number): { state: string; startedAt: string } | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // the command may contain blanks and parentheses; what follows its last ')' are fields 3 and on (proc_pid_stat(5))
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, startedAt] = [fields[0], fields[19]]
  return state === undefined || startedAt === undefined ? undefined : { state, startedAt }
}
