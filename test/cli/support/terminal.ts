import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../../cli/index.ts', import.meta.url))

/** A terminal of tmux in which the command runs; disposing ends it. */
export interface Terminal extends Disposable {
  /** What it shows now, line by line. */
  screen(): string[]
  /** What it shows, with the orders for colours. */
  painted(): string
  /** Presses keys, by their names in tmux. */
  press(...keys: string[]): void
  resize(columns: number, rows: number): void
  /** What tmux knows of it, such as `#{cursor_flag}`. */
  ask(format: string): string
  /** Process id of the command. */
  pid(): number
}

let terminals = 0

/** @param directory where the socket of its tmux is: it has a server of its own */
export function openTerminal(
  directory: string,
  columns: number,
  rows: number,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Terminal {
  const socket = join(directory, `tmux-${++terminals}`)
  const tmux = (...words: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...words], { encoding: 'utf8' })
  const typed = [process.execPath, command, ...args].map((word) => `'${word}'`).join(' ')
  const size = ['-x', String(columns), '-y', String(rows)]
  const settings = Object.entries(env).map(([name, value]) => `${name}='${value}' `)
  // the shell stays, so that what the command leaves behind can be seen: among that, whether lines are edited and echoed
  const after =
    'echo "it ended with $?"; stty -a | tr " ;" "\\n\\n" | grep -E "^-?(icanon|echo)$" | sort | xargs; exec cat'
  // tmux is nobody's child: it has to see for itself when the tests are killed
  const untilLeft = `(while kill -0 ${process.pid}; do sleep 1; done; tmux -S '${socket}' kill-server) >/dev/null 2>&1 &`
  tmux('new-session', '-d', ...size, `${untilLeft} ${settings.join('')}${typed}; ${after}`)
  return {
    screen: () => tmux('capture-pane', '-p').split('\n'),
    painted: () => tmux('capture-pane', '-p', '-e'),
    press: (...keys) => void tmux('send-keys', ...keys),
    resize: (width, height) => void tmux('resize-window', '-x', String(width), '-y', String(height)),
    ask: (format) => tmux('display-message', '-p', format).trim(),
    pid: () => {
      const shell = tmux('display-message', '-p', '#{pane_pid}').trim()
      return Number(execFileSync('pgrep', ['-P', shell, '-f', `^${process.execPath} `], { encoding: 'utf8' }).trim())
    },
    [Symbol.dispose]: () => void tmux('kill-server'),
  }
}
