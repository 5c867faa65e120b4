import type { ParentMessage } from './boot-message.ts'

/** Milliseconds after which what a child has not heard is said again in its latest form: it may have been lost on its way. */
export const SAY_AGAIN_MS = 5_000

/**
 * Says something that only counts in its latest form, to a child that says when it has heard it: until then the latest one waits
 * here, so that a child that hears nothing has little to read however often it changes.
 */
export class LatestWins {
  readonly #send: (message: ParentMessage) => void
  #waiting: ParentMessage | undefined
  #unheard: NodeJS.Timeout | undefined

  constructor(send: (message: ParentMessage) => void) {
    this.#send = send
  }

  say(message: ParentMessage): void {
    if (this.#unheard !== undefined) {
      this.#waiting = message
      return
    }
    this.#unheard = setTimeout(() => this.heard(), SAY_AGAIN_MS).unref()
    this.#send(message)
  }

  heard(): void {
    clearTimeout(this.#unheard)
    this.#unheard = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.say(waiting)
  }
}
