import type { CallRef } from './cancel-scope.ts'
import type { ActorRef } from './errors.ts'

/** Lines that an actor keeps of its log, and characters of their texts; the oldest give way. */
export const MAX_KEPT_LINES = 1_000
export const MAX_KEPT_CHARACTERS = 256 * 1024
/** Characters of the text of one line. */
export const MAX_LINE_TEXT = 8_192

/** A line of the log of an actor; plain data. */
export interface LogLine {
  /** Milliseconds since 1970, by the clock of its machine. */
  readonly at: number
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error'
  readonly actor: ActorRef
  /** Counts the lines of the actor from 1 on. */
  readonly seq: number
  /** Part of the program: `actor` for its own lines, else one of the library's. */
  readonly area: string
  /** At most 8,192 characters. */
  readonly text: string
  /** The call of another actor that it was written in, if one was. */
  readonly call?: CallRef
}

/** The log of one actor: what was written lately, and those who read along. */
export class LogBook {
  readonly actor: ActorRef
  #lines: LogLine[] = []
  #first = 0
  #characters = 0
  #written = 0
  readonly #readers = new Set<(line: LogLine) => void>()

  constructor({ name, id }: ActorRef) {
    this.actor = { name, id }
  }

  write(written: Omit<LogLine, 'actor' | 'seq'>): void {
    const line: LogLine = { ...written, actor: this.actor, seq: ++this.#written }
    this.#lines.push(line)
    this.#characters += line.text.length
    while (this.#lines.length - this.#first > MAX_KEPT_LINES || this.#characters > MAX_KEPT_CHARACTERS)
      this.#characters -= this.#lines[this.#first++]!.text.length
    if (this.#first > MAX_KEPT_LINES) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
    for (const reader of this.#readers) reader(line)
  }

  /** The latest lines, the oldest first. */
  recent(): readonly LogLine[] {
    return this.#lines.slice(this.#first)
  }

  /** Gives the function that unlinks. */
  read(reader: (line: LogLine) => void): () => void {
    this.#readers.add(reader)
    return () => this.#readers.delete(reader)
  }
}
