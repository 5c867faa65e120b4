/** Bytes of large values of one peer that are put together at a time; more wait for those that came first. */
export const MAX_ASSEMBLING_BYTES = 256 * 1024 * 1024

interface Waiting {
  readonly bytes: number
  readonly granted: () => void
}

interface Account {
  free: number
  readonly line: Waiting[]
}

/** What {@link AssemblyBudget.reserve} is for one peer. */
export type Reserve = (bytes: number, granted: () => void) => () => void

/**
 * Memory for large values, by the peer that sends them.
 *
 * A value gets all of its memory or none, in order of arrival: several that each hold a part would wait for each other
 * without end. A peer that announces much and sends little takes the places of its own values only.
 */
export class AssemblyBudget {
  readonly #accounts = new Map<string, Account>()

  /** The budget of one peer. */
  of(peer: string): Reserve {
    return (bytes, granted) => this.#reserve(peer, bytes, granted)
  }

  /** Calls back once the bytes are there, at once if they are; what it gives returns them, or leaves the line. */
  #reserve(peer: string, bytes: number, granted: () => void): () => void {
    const account = this.#accounts.get(peer) ?? { free: MAX_ASSEMBLING_BYTES, line: [] }
    this.#accounts.set(peer, account)
    const waiting: Waiting = { bytes, granted }
    account.line.push(waiting)
    let held = true
    this.#admit(account)
    return () => {
      if (!held) return
      held = false
      const at = account.line.indexOf(waiting)
      if (at >= 0) account.line.splice(at, 1)
      else account.free += bytes
      this.#admit(account)
      if (account.free === MAX_ASSEMBLING_BYTES && account.line.length === 0) this.#accounts.delete(peer)
    }
  }

  #admit(account: Account): void {
    for (let first = account.line[0]; first !== undefined && first.bytes <= account.free; first = account.line[0]) {
      account.line.shift()
      account.free -= first.bytes
      first.granted()
    }
  }
}

/** The budget of this process: an actor is one. */
export const assembling = new AssemblyBudget()
