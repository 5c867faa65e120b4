import { describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import type { Event } from './core/effect.ts'
import type { CoreState } from './core/state.ts'
import { describeElectorate } from './electorate-problem.ts'
import type { Profile } from './profile.ts'
import { Reigns } from './reigns.ts'
import type { Rendezvous } from './rendezvous.ts'

export interface ConsequencesOptions {
  readonly host: Host
  readonly profile: Profile
  readonly rendezvous?: Rendezvous | undefined
}

/** What an actor does outside the core about what the core tells. */
export class Consequences {
  readonly #state: CoreState
  readonly #options: ConsequencesOptions
  readonly #joined = Promise.withResolvers<void>()
  readonly #log = areaLog('discovery')
  readonly reigns = new Reigns()

  constructor(state: CoreState, options: ConsequencesOptions) {
    this.#state = state
    this.#options = options
  }

  /** Resolves when the core has told that it has joined. */
  async joined(): Promise<void> {
    await this.#joined.promise
  }

  take(event: Event): void {
    if (event.type === 'joined') this.#joined.resolve()
    else if (event.type === 'seedLost' && event.outcome === 'refused') this.#forget(event.peerId)
    else if (event.type === 'down') this.#onDown(event)
    else if (event.type === 'electorate') this.#log.error(describeElectorate(event.problem, event.names))
    else if (event.type === 'arbiter') this.#noteReign(event)
    else if (event.type === 'conflict') this.#log.error('another process lives with the identity of this actor')
    this.#log.trace(describe(event))
  }

  /** Ends the connection to a peer unless that still answers. */
  abortDeaf(peerId: string): void {
    const { host, profile } = this.#options
    if (host.isConnected(peerId)) void host.abortDeaf(peerId, profile.dialTimeout)
  }

  #onDown({ record: { peerId }, why }: Event & { readonly type: 'down' }): void {
    if (why === 'dead') this.#forget(peerId)
    // calls to the dead end with their connection, and who comes back is reached over a new one
    if (why === 'dead' || why === 'subtree') this.abortDeaf(peerId)
  }

  /** A dead program cannot remove its own entry from the rendezvous. */
  #forget(peerId: string): void {
    this.#options.rendezvous?.forget(peerId).catch((error: unknown) => {
      this.#log.debug(`a stale rendezvous entry stays: ${describeError(error)}`)
    })
  }

  #noteReign({ token, provisional }: Event & { readonly type: 'arbiter' }): void {
    const { registry, election } = this.#state
    const arbiter = token && { name: registry.get(token.peerId)?.name ?? '', id: token.peerId }
    this.reigns.note({ since: Date.now(), term: token?.term ?? election.term, arbiter, provisional })
  }
}

function describe(event: Event): string {
  if (event.type === 'arbiter')
    return event.token === null ? 'no arbiter' : `arbiter ${event.token.peerId.slice(-8)} in term ${event.token.term}`
  return 'record' in event && event.record !== undefined ? `${event.type} ${event.record.name}` : event.type
}
