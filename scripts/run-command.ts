import { spawn } from 'node:child_process'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds package.json. */
export const root: string = dirname(dirname(fileURLToPath(import.meta.url)))

/** How a command ended, and everything it printed, both streams in the order of arrival. */
export interface CommandResult {
  ok: boolean
  output: string
}

/** How long a command's last output is waited for after its end, in milliseconds. */
const outputGrace = 2_000

const running = new Set<number>()

/**
 * Runs a command in the project's folder, with the project's tools and Node before the machine's.
 *
 * The command gets a process group of its own, so that at its limit everything that it started ends with it.
 *
 * @param limit the longest that the command may take, in milliseconds; past it the group is killed and the result is
 * a failure
 */
export async function runCommand(command: string, args: readonly string[], limit: number): Promise<CommandResult> {
  const path = [join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter)
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => (output += text))
  }
  if (child.pid !== undefined) running.add(child.pid)
  const timer = setTimeout(() => {
    output += `\n${command} took longer than ${limit / 1000} s and was killed\n`
    killGroup(child.pid, 'SIGKILL')
  }, limit)
  const ok = await new Promise<boolean>((resolve) => {
    child.on('error', (error) => {
      output += `${command} could not be started: ${error.message}\n`
      resolve(false)
    })
    child.on('close', (code) => resolve(code === 0))
    // a process that was left behind holds the pipes open for ever
    child.on('exit', (code) => setTimeout(() => resolve(code === 0), outputGrace).unref())
  })
  clearTimeout(timer)
  if (child.pid !== undefined) running.delete(child.pid)
  child.stdout.destroy()
  child.stderr.destroy()
  return { ok, output }
}

/** Ends every command that is running, with what it started. */
export function endCommands(): void {
  for (const pid of running) killGroup(pid, 'SIGTERM')
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // the group has ended by itself
  }
}
