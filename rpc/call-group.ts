import { CancelScope } from '../node/cancel-scope.ts'

/** Calls that are cancelled together, and how many of them are under way. */
export class CallGroup extends CancelScope {
  #underWay = 0
  #idle: PromiseWithResolvers<void> | undefined

  enter(): void {
    this.#underWay += 1
  }

  leave(): void {
    this.#underWay -= 1
    if (this.#underWay > 0 || this.#idle === undefined) return
    this.#idle.resolve()
    this.#idle = undefined
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.#underWay === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }
}
