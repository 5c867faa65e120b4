import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { eventually } from './eventually.ts'

/** A process as the system lists it. */
export interface LiveProcess {
  readonly pid: number
  readonly ppid: number
  /** Its command line. */
  readonly command: string
}

/** Knows which processes came after it. */
export interface ProcessWatcher {
  /** What this process and its descendants have started since and is alive; on Linux also what lost its parent. */
  list(): LiveProcess[]
  /**
   * Waits until none is left.
   *
   * @param ms milliseconds; default 5,000
   * @throws Error with the command lines of those that are left; they are killed then, so that one failure stays one
   */
  expectNoneLeft(ms?: number): Promise<void>
}

interface Entry extends LiveProcess {
  /** Tells a process from a later one with the same id. */
  readonly key: string
  readonly marked: boolean
}

const onLinux = existsSync('/proc/self/environ')
/** Descendants inherit it: a process is known by it after its parent died and init adopted it. */
const MARKER = 'GREENROOM_TEST_TREE'
const mark = randomUUID()

/**
 * Remembers which descendants this process has now; what comes later has to be gone when the test ends.
 *
 * @example
 * ```ts
 * const processes = watchProcesses()
 * await run(main)
 * await processes.expectNoneLeft()
 * ```
 */
export function watchProcesses(): ProcessWatcher {
  if (!process.env[MARKER]?.includes(mark)) process.env[MARKER] = [process.env[MARKER], mark].filter(Boolean).join(':')
  const before = new Set(descendants().map((entry) => entry.key))
  const left = (): Entry[] => descendants().filter((entry) => !before.has(entry.key))
  return {
    list: () => left().map(({ pid, ppid, command }) => ({ pid, ppid, command })),
    expectNoneLeft: async (ms = 5_000) => {
      try {
        await eventually('no process left', () => left().length === 0, ms)
      } catch (cause) {
        const leaked = left()
        if (leaked.length === 0) return
        for (const { pid } of leaked) kill(pid)
        throw new Error(`processes were left behind:\n${leaked.map(show).join('\n')}`, { cause })
      }
    },
  }
}

/** Whether a process runs; one that has ended and waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  if (onLinux) return (readStat(pid)?.state ?? 'Z') !== 'Z'
  const { stdout } = spawnSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' })
  const state = stdout.trim()
  return state !== '' && !state.startsWith('Z')
}

function descendants(): Entry[] {
  const all = onLinux ? fromProc() : fromPs()
  const found = new Map<number, Entry>()
  const ids = new Set([process.pid])
  for (let grown = true; grown;) {
    grown = false
    for (const entry of all) {
      if (ids.has(entry.pid) || !(entry.marked || ids.has(entry.ppid))) continue
      ids.add(entry.pid)
      found.set(entry.pid, entry)
      grown = true
    }
  }
  return [...found.values()]
}

function fromProc(): Entry[] {
  const entries: Entry[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    const stat = Number.isInteger(pid) ? readStat(pid) : undefined
    if (stat === undefined) continue
    const command = read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim() || `[${stat.name}] ${stat.state}`
    const marked = read(`/proc/${pid}/environ`).includes(mark)
    entries.push({ pid, ppid: stat.ppid, command, key: `${pid}@${stat.startedAt}`, marked })
  }
  return entries
}

function readStat(pid: number): { name: string; state: string; ppid: number; startedAt: string } | undefined {
  // the name is in parentheses and may contain anything, parentheses included
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(read(`/proc/${pid}/stat`)) ?? []
  if (name === undefined || rest === undefined) return undefined
  const fields = rest.split(' ')
  return { name, state: fields[0] ?? '?', ppid: Number(fields[1]), startedAt: fields[19] ?? '' }
}

function fromPs(): Entry[] {
  const ps = spawnSync('ps', ['-eo', 'pid,ppid,args'], { encoding: 'utf8' })
  const lines = ps.stdout.split('\n').map((line) => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
  return lines
    .filter((line) => line !== null)
    .map(([, pid, ppid, command]) => ({
      pid: Number(pid),
      ppid: Number(ppid),
      command: command!,
      key: `${pid} ${command}`,
      marked: false,
    }))
    .filter((entry) => entry.pid !== ps.pid)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // the process has ended meanwhile, or is another user's
    return ''
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended meanwhile
  }
}

function show({ pid, ppid, command }: LiveProcess): string {
  return `  ${pid} (parent ${ppid}): ${command}`
}
