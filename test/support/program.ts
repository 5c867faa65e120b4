import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { deadline } from './headroom.ts'
import { within } from './within.ts'

export interface ProgramOptions {
  readonly args?: readonly string[]
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** What stands before the command line, so that it runs on another host. */
  readonly command?: readonly string[]
  /** Options of node itself, before the file. */
  readonly nodeArgs?: readonly string[]
}

interface ProgramExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A TypeScript program that runs as a real process; disposing kills it. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /** Lines so far. */
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** The first line of stdout or stderr, past or to come, that matches. @param ms on an idle machine; default 10,000 */
  waitForLine(pattern: string | RegExp, ms?: number): Promise<string>
  /** Resolves after the exit when all output was read. @param ms on an idle machine; default 10,000 */
  waitForExit(ms?: number): Promise<ProgramExit>
  /** Writes a line to its standard input. */
  type(line: string): void
  /** Nothing more is typed. */
  endInput(): void
  /** Sends a signal to this process alone; default SIGKILL. */
  kill(signal?: NodeJS.Signals): void
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program file on the project's own Node; it never outlives the test that started it. */
export async function startProgram(file: string | URL, options: ProgramOptions = {}): Promise<Program> {
  const path = typeof file === 'string' ? file : fileURLToPath(file)
  const node = [process.execPath, ...(options.nodeArgs ?? []), path, ...(options.args ?? [])]
  const [command = '', ...args] = [...(options.command ?? []), ...node]
  const child = spawn(command, args, {
    stdio: 'pipe',
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  running.add(child)
  const exit = Promise.withResolvers<ProgramExit>()
  child.on('error', exit.reject)
  child.on('close', (code, signal) => exit.resolve({ code, signal }))
  const ended = exit.promise.finally(() => running.delete(child))
  ended.catch(() => {})
  const listeners = new Set<(line: string) => void>()
  const collect = (stream: NodeJS.ReadableStream): string[] => {
    const lines: string[] = []
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      for (const listener of listeners) listener(line)
    })
    return lines
  }
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  const said = (): string => `\n--- stdout\n${stdout.join('\n')}\n--- stderr\n${stderr.join('\n')}`

  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await within(
      `the exit of ${path} after SIGKILL`,
      ended.catch(() => {}),
    )
  }
  stopWithTest(stop)
  await within(`the start of ${path}`, spawned(child))
  return {
    pid: child.pid!,
    stdout,
    stderr,
    waitForLine: async (pattern, ms = 10_000) => {
      const matches = (line: string): boolean =>
        typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)
      const known = [...stdout, ...stderr].find(matches)
      if (known !== undefined) return known
      const found = Promise.withResolvers<string>()
      const listener = (line: string): void => {
        if (matches(line)) found.resolve(line)
      }
      listeners.add(listener)
      const bound = deadline(ms)
      const timer = setTimeout(
        () => found.reject(new Error(`${path} did not say ${String(pattern)} within ${bound} ms${said()}`)),
        bound,
      )
      void ended.finally(() => found.reject(new Error(`${path} ended without saying ${String(pattern)}${said()}`)))
      try {
        return await found.promise
      } finally {
        clearTimeout(timer)
        listeners.delete(listener)
      }
    },
    waitForExit: async (ms = 10_000) => {
      try {
        return await within(`the exit of ${path}`, ended, ms)
      } catch (cause) {
        throw new Error(`${path} did not end${said()}`, { cause })
      }
    },
    type: (line) => void child.stdin.write(`${line}\n`),
    endInput: () => void child.stdin.end(),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
    [Symbol.asyncDispose]: stop,
  }
}

async function spawned(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('spawn', resolve)
  child.once('error', reject)
  await promise
}

function stopWithTest(stop: () => Promise<void>): void {
  try {
    onTestFinished(stop)
  } catch {
    // started by a hook, which disposes of it itself
  }
}
