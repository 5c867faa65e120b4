import type { WriteStream } from 'node:tty'
import { type Column, drawTable } from './table.ts'

/** Where a subcommand prints: tables, lines and JSON, as fast as whoever reads takes them. */
export interface Output {
  /** Whether `--json` was given. */
  readonly json: boolean
  /** Aborted when whoever read what is printed has gone, as `head` does. */
  readonly unread: AbortSignal
  /** Columns of the terminal; undefined when it is none. */
  readonly width: number | undefined
  line(text: string): Promise<void>
  /** On the standard error, for people. */
  note(text: string): void
  /** One document. */
  document(value: unknown): Promise<void>
  /** One of many, each on a line of its own. */
  item(value: unknown): Promise<void>
  /** Empties the terminal, for what is shown again and again. */
  clear(): void
  table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): Promise<void>
}

let unread: AbortController | undefined

export function openOutput(json: boolean): Output {
  const gone = watchReader()
  const { stdout } = process
  const line = async (text: string): Promise<void> => {
    if (gone.signal.aborted || stdout.write(`${text}\n`)) return
    await drained(gone.signal)
  }
  return {
    json,
    unread: gone.signal,
    get width() {
      return (stdout as Partial<WriteStream>).columns
    },
    line,
    note: (text) => void process.stderr.write(`${text}\n`),
    document: async (value) => await line(JSON.stringify(value, null, 2)),
    item: async (value) => await line(JSON.stringify(value)),
    clear: () => void stdout.write('\u001b[H\u001b[2J'),
    table: async (columns, rows) => {
      for (const text of drawTable(columns, rows, (stdout as Partial<WriteStream>).columns)) await line(text)
    },
  }
}

/** Takes note when whoever reads what is printed leaves: that is no failure of the command. */
export function watchReader(): AbortController {
  if (unread !== undefined) return unread
  const controller = new AbortController()
  process.stdout.on('error', (error) => controller.abort(error))
  return (unread = controller)
}

async function drained(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  process.stdout.once('drain', resolve)
  signal.addEventListener('abort', () => resolve(), { once: true })
  await promise
  process.stdout.removeListener('drain', resolve)
}
