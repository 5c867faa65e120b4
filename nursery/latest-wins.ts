import type { ParentMessage } from './boot-message.ts'

/**
 * Says something that only counts in its latest form, to a child that says when it has heard it: until then the latest one waits
 * here, so that a child that hears nothing has one to read however often it changes.
 */
export class LatestWins {
  readonly #send: (message: ParentMessage) => void
  #waiting: ParentMessage | undefined
  #unheard = false

  constructor(send: (message: ParentMessage) => void) {
    this.#send = send
  }

  say(message: ParentMessage): void {
    if (this.#unheard) {
      this.#waiting = message
      return
    }
    this.#unheard = true
    this.#send(message)
  }

  heard(): void {
    this.#unheard = false
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.say(waiting)
  }
}
