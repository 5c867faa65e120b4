import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import { sleep } from '../../index.ts'
import type { Member } from './company.ts'

type Style = Parameters<typeof styleText>[0]

const NAME_WIDTH = 11
/** Milliseconds that a person has to read on, before the next thing happens. */
const BEAT_MS = 500
const VOICES: readonly Style[] = ['cyan', 'magenta', 'yellow', 'green', 'blue', 'cyanBright', 'magentaBright']

/** Where the premiere is seen: a terminal with colour and a live view of who is up, or a pipe with plain lines. */
export class Screen {
  readonly #terminal = process.stdout.isTTY
  readonly #log = createLogUpdate(process.stdout)
  readonly #voices = new Map<string, Style>()
  #view: string[] = []

  title(text: string): void {
    this.#print(this.#style('bold', text))
  }

  scene(number: number, title: string): void {
    this.#print('', this.#style('bold', `${number}. ${title}`))
  }

  /** What happens, in the narrator's words. */
  tell(text: string): void {
    this.#print(`   ${text}`)
  }

  /** What an actor says. */
  speak(who: string, line: string): void {
    this.#print(`   ${this.#name(who, who.padEnd(NAME_WIDTH))} ${line}`)
  }

  /** One line of the summary. */
  sum({ ms, what }: { readonly ms: number; readonly what: string }): void {
    const time = `${Math.round(ms).toLocaleString('en')} ms`
    this.#print(`   ${this.#style('green', time.padStart(8))}  ${what}`)
  }

  /** Shows who is up, below everything that was said; a pipe is told, it does not watch. */
  show(members: readonly Member[]): void {
    if (!this.#terminal) return
    this.#view = members.map(({ actors, ...program }) => {
      const mark = program.arbiter && program.up ? this.#style('yellowBright', '★') : ' '
      return ` ${mark} ${this.#member(program, NAME_WIDTH)} ${this.#list(actors)}`.trimEnd()
    })
    this.#draw()
  }

  /** Time to read. */
  async beat(): Promise<void> {
    if (this.#terminal) await sleep(BEAT_MS)
  }

  /** Takes the live view away and gives the terminal back. */
  close(): void {
    this.#view = []
    if (!this.#terminal) return
    this.#log.clear()
    this.#log.done()
  }

  #list(actors: readonly Member[]): string {
    return actors
      .map((actor) => this.#member(actor) + (actor.actors.length > 0 ? ` (${this.#list(actor.actors)})` : ''))
      .join('  ')
  }

  #member({ name, up }: Pick<Member, 'name' | 'up'>, width = 0): string {
    if (up) return this.#name(name, name.padEnd(width))
    return this.#style('red', '✗ ') + this.#style('dim', name.padEnd(width - 2))
  }

  #name(who: string, text: string): string {
    const voice = this.#voices.get(who) ?? VOICES[this.#voices.size % VOICES.length] ?? 'cyan'
    this.#voices.set(who, voice)
    return this.#style(voice, text)
  }

  #print(...lines: string[]): void {
    if (!this.#terminal) return void process.stdout.write(`${lines.join('\n')}\n`)
    this.#log.persist(lines.join('\n'))
    this.#draw()
  }

  #draw(): void {
    if (this.#view.length === 0) return
    const rule = this.#style('dim', `── on stage now ${'─'.repeat(44)}`)
    this.#log(['', rule, ...this.#view].join('\n'))
  }

  #style(style: Style, text: string): string {
    return this.#terminal ? styleText(style, text) : text
  }
}

/** A time as people say it. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}
