import type { Cancelled } from './errors.ts'

/** Whose cancel is being told right now. */
let telling: CancelListener | undefined

/**
 * What hears of a scope's cancel, once. It is linked into the scope's list itself, so that work that comes and goes by
 * the hundred thousand a second allocates no closure, no set entry and no signal for it.
 *
 * Linking and unlinking are by hand because `AbortSignal.any` with a listener that nobody removes leaks
 * (nodejs/node#54614).
 */
export abstract class CancelListener {
  #scope: CancelListener | undefined
  #before: CancelListener | undefined
  #after: CancelListener | undefined
  /** Of those that listen to this one, when it is a scope. */
  #first: CancelListener | undefined
  #last: CancelListener | undefined

  protected abstract onCancelled(reason: Cancelled): void

  /** Stops listening; nothing happens when it does not listen. */
  unlink(): void {
    const scope = this.#scope
    if (scope === undefined) return
    if (this.#before === undefined) scope.#first = this.#after
    else this.#before.#after = this.#after
    if (this.#after === undefined) scope.#last = this.#before
    else this.#after.#before = this.#before
    this.#scope = this.#before = this.#after = undefined
  }

  /** Makes another one hear of the cancel of this one; it must not listen to anything yet. */
  protected adopt(listener: CancelListener): void {
    listener.#scope = this
    listener.#before = this.#last
    if (this.#last === undefined) this.#first = listener
    else this.#last.#after = listener
    this.#last = listener
  }

  /**
   * Tells all that listen, in the order in which they came, those of a scope before the next one. A scope that hears of
   * it hands its own listeners over instead of telling them: no depth of scopes uses up the stack.
   */
  protected tell(reason: Cancelled): void {
    const outer = tellFor(this)
    try {
      for (let listener = this.#first; listener !== undefined; listener = this.#first) {
        listener.unlink()
        listener.onCancelled(reason)
      }
    } finally {
      tellFor(outer)
    }
  }

  /** Puts those that listen before all that are still to be told, when somebody tells. */
  protected handOver(): void {
    for (let listener = this.#last; listener !== undefined; listener = this.#last) {
      listener.unlink()
      telling?.adoptFirst(listener)
    }
  }

  protected adoptFirst(listener: CancelListener): void {
    listener.#scope = this
    listener.#after = this.#first
    if (this.#first === undefined) this.#last = listener
    else this.#first.#before = listener
    this.#first = listener
  }

  protected inform(listener: CancelListener, reason: Cancelled): void {
    listener.onCancelled(reason)
  }

  /** Lets all go that listen. */
  protected release(): void {
    while (this.#first !== undefined) this.#first.unlink()
  }
}

/** Whoever is told next is told by this one; gives who told before. */
function tellFor(teller: CancelListener | undefined): CancelListener | undefined {
  const before = telling
  telling = teller
  return before
}

/** A function as a listener. */
export class CancelCallback extends CancelListener {
  readonly #callback: (reason: Cancelled) => void

  constructor(callback: (reason: Cancelled) => void) {
    super()
    this.#callback = callback
  }

  protected override onCancelled(reason: Cancelled): void {
    this.#callback(reason)
  }
}
