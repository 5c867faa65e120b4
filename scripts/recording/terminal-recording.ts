import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import headless from '@xterm/headless'

/** A stretch of one line in one look. */
export interface Run {
  readonly text: string
  readonly column: number
  /** `#rrggbb`, or nothing for that of the terminal. */
  readonly colour: string | undefined
  readonly isBold: boolean
  readonly isDim: boolean
  readonly isInverse: boolean
}

/** What stood on the screen from a moment on. */
export interface Frame {
  /** Milliseconds since the start. */
  readonly at: number
  readonly lines: readonly (readonly Run[])[]
}

export interface Recording {
  readonly columns: number
  readonly rows: number
  readonly frames: readonly Frame[]
  /** Milliseconds. */
  readonly length: number
}

export interface RecordingOptions {
  readonly command: string
  readonly columns: number
  readonly rows: number
  /** Milliseconds after which the program is ended, if it has not ended by itself. */
  readonly limitMs: number
  /** What is typed, and when, in milliseconds since the start. */
  readonly keys: readonly { readonly at: number; readonly text: string }[]
}

/** Milliseconds between two looks at the screen. */
const LOOK_MS = 100
/** Milliseconds that a program has to end after it was told to. */
const END_MS = 10_000

const PALETTE =
  '#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4 #6e7681 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #f0f6fc'.split(
    ' ',
  )

/** Runs a command in a pseudo-terminal of `script` (util-linux) and looks at the screen until it ends. */
export async function recordTerminal(options: RecordingOptions): Promise<Recording> {
  const { command, columns, rows, limitMs, keys } = options
  const terminal = new headless.Terminal({ cols: columns, rows, allowProposedApi: true })
  const child = spawn('script', ['-qfec', `stty rows ${rows} cols ${columns}; exec ${command}`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color', COLORTERM: 'truecolor', FORCE_COLOR: '3' },
  })
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', () => resolve())
  })
  child.stdout.on('data', (bytes: Buffer) => terminal.write(bytes))
  const start = performance.now()
  const typing = keys.map(({ at, text }) => setTimeout(() => child.stdin.write(text), at))
  const late = setTimeout(() => child.kill('SIGTERM'), limitMs)
  const tooLate = setTimeout(() => child.kill('SIGKILL'), limitMs + END_MS)
  const frames: Frame[] = []
  let before = ''
  const look = (): void => {
    const lines = screenOf(terminal)
    const now = JSON.stringify(lines)
    if (now === before) return
    before = now
    frames.push({ at: performance.now() - start, lines })
  }
  try {
    let over = false
    const untilOver = ended.then(() => (over = true))
    while (!over) {
      await Promise.race([delay(LOOK_MS), untilOver])
      look()
    }
    await ended
    return { columns, rows, frames, length: performance.now() - start }
  } finally {
    for (const timer of [...typing, late, tooLate]) clearTimeout(timer)
    terminal.dispose()
  }
}

function screenOf(terminal: InstanceType<typeof headless.Terminal>): Run[][] {
  const { active } = terminal.buffer
  return Array.from({ length: terminal.rows }, (_, y) => {
    const line = active.getLine(active.viewportY + y)
    const runs: Run[] = []
    let style = ''
    for (let x = 0; line !== undefined && x < terminal.cols; x++) {
      const cell = line.getCell(x)
      const text = cell?.getChars() ?? ''
      if (cell === undefined || text === '') {
        style = ''
        continue
      }
      const run = {
        text,
        column: x,
        colour: colourOf(cell.getFgColor(), cell.isFgRGB(), cell.isFgPalette()),
        isBold: cell.isBold() !== 0,
        isDim: cell.isDim() !== 0,
        isInverse: cell.isInverse() !== 0,
      }
      const its = `${run.colour} ${run.isBold} ${run.isDim} ${run.isInverse}`
      const last = runs.at(-1)
      if (its === style && last !== undefined) runs[runs.length - 1] = { ...last, text: last.text + text }
      else runs.push(run)
      style = its
    }
    return runs.filter(({ text, isInverse }) => isInverse || text.trim() !== '')
  })
}

function colourOf(value: number, isRgb: boolean, isPalette: boolean): string | undefined {
  if (isRgb) return `#${value.toString(16).padStart(6, '0')}`
  if (!isPalette) return undefined
  if (value < PALETTE.length) return PALETTE[value]
  if (value >= 232) return `#${(8 + 10 * (value - 232)).toString(16).padStart(2, '0').repeat(3)}`
  const level = (part: number): string => (part === 0 ? 0 : 55 + 40 * part).toString(16).padStart(2, '0')
  const cube = value - PALETTE.length
  return `#${level(Math.floor(cube / 36))}${level(Math.floor(cube / 6) % 6)}${level(cube % 6)}`
}
