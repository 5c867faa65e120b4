import type { Connection, Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { BarredPeers } from './barred-peers.ts'
import { outsideScopes } from './cancel-scope.ts'
import { firstToAnswer } from './dial-race.ts'
import { forgetIfGone } from './gone-peers.ts'
import { ipOf, isOwn, ownInterfaces } from './own-interfaces.ts'
import { isRelayed, leadsOutside } from './relay.ts'

/** Milliseconds that a dial may take, handshake included. */
export const DIAL_TIMEOUT_MS = 5_000

const UNIX = '/unix/'

/** Parts of libp2p that are used directly; it hands them to its services. */
export interface InnerParts {
  readonly addressManager: {
    getAddressesWithMetadata(): { readonly multiaddr: Multiaddr; readonly type: string; readonly verified: boolean }[]
    confirmObservedAddr(address: Multiaddr, options: { readonly type: 'transport' }): void
  }
  readonly transportManager: {
    dial(address: Multiaddr, options: { readonly signal: AbortSignal }): Promise<Connection>
    listen(addresses: Multiaddr[]): Promise<void>
    getListeners(): { getAddrs(): Multiaddr[] }[]
  }
  /** Where it listened at no relay when it started. */
  readonly loadRelay?: () => Promise<void>
}

/** The latest addresses of a peer; undefined when nothing is known of it. */
export type AddressBook = (peer: string) => readonly string[] | undefined

/** Makes the connections of one actor. */
export class Dialling {
  readonly #node: Libp2p
  readonly #barred: BarredPeers
  readonly #parts: InnerParts
  /** By peer: dials of several addresses at once, which libp2p does not know as dials. */
  readonly #races = new Map<string, Promise<Connection>>()
  #book: AddressBook = () => undefined

  constructor(node: Libp2p, barred: BarredPeers, parts: InnerParts) {
    this.#node = node
    this.#barred = barred
    this.#parts = parts
  }

  follow(book: AddressBook): void {
    this.#book = book
  }

  /** The live connection to a peer, else a dial of its latest addresses, and then of these. */
  async reach(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection> {
    const latest = this.#book(peer)
    return await this.connect(peer, latest === undefined ? addresses : [...new Set([...latest, ...addresses])], signal)
  }

  /** The live connection to a peer, else a dial of exactly these addresses. */
  async connect(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection> {
    const open = this.#node.getConnections(peerIdFromString(peer)).find((connection) => connection.status === 'open')
    if (open !== undefined) return open
    return await outsideScopes(async () => await this.#dialLocalFirst(peer, addresses, signal))
  }

  /** Unix sockets first: one of another machine does not exist here and fails at once. */
  async #dialLocalFirst(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection> {
    const local = addresses.filter((address) => address.startsWith(UNIX))
    const rest = addresses.filter((address) => !address.startsWith(UNIX))
    if (local.length === 0) return await this.#dialRest(peer, rest, signal)
    try {
      return await this.#dial(peer, local, signal)
    } catch (error) {
      if (rest.length === 0 || signal?.aborted) throw error
      return await this.#dialRest(peer, rest, signal)
    }
  }

  async #dialRest(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection> {
    const targets = addresses.length < 2 ? addresses : ofThatMachine(addresses)
    // libp2p tries one after the other: one that swallows what it is sent would use up the time of all
    if (targets.length < 2 || targets.some(needsLookup)) return await this.#dial(peer, targets, signal)
    const racing = this.#races.get(peer)
    if (racing !== undefined) return await abandonable(racing, signal)
    const race = this.#race(peer, targets).finally(() => this.#races.delete(peer))
    this.#races.set(peer, race)
    return await abandonable(race, signal)
  }

  async #dial(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection> {
    try {
      return await this.#node.dial(
        addresses.map((address) => withPeer(address, peer)),
        signal === undefined ? {} : { signal },
      )
    } catch (error) {
      forgetIfGone(this.#node, peerIdFromString(peer))
      throw error
    }
  }

  async #race(peer: string, addresses: readonly string[]): Promise<Connection> {
    if (this.#barred.has(peer)) throw new Error('the peer was dropped')
    const attempt = async (address: Multiaddr, signal: AbortSignal): Promise<Connection> =>
      await this.#parts.transportManager.dial(address, { signal })
    const discard = (late: Connection): void => late.abort(new Error('another address of the peer answered first'))
    const targets = addresses.map((address) => withPeer(address, peer))
    return await firstToAnswer(targets, attempt, discard, AbortSignal.timeout(DIAL_TIMEOUT_MS))
  }
}

/** The loopback addresses of a peer on another machine lead to this one: they are left out. */
function ofThatMachine(addresses: readonly string[]): readonly string[] {
  const outside = addresses.filter(leadsOutside)
  if (outside.length === 0) return addresses
  const own = ownInterfaces()
  const isHere = outside.some((address) => !isRelayed(address) && isOwn(ipOf(address), own))
  return isHere ? addresses : outside
}

/** Whether libp2p has to find out what an address stands for. */
function needsLookup(address: string): boolean {
  return address.startsWith('/dnsaddr/')
}

/** Lets one of those who wait for a dial go; the others go on waiting. */
async function abandonable<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  const abandoned = Promise.withResolvers<never>()
  const onAbort = (): void => abandoned.reject(signal.reason as Error)
  signal.addEventListener('abort', onAbort)
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, abandoned.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
    work.catch(() => {})
  }
}

/** A dial without the peer id would make a second connection to a peer that is connected (js-libp2p #2714). */
function withPeer(address: string, peer: string): Multiaddr {
  // of a relayed address the first peer id is that of the relay
  return multiaddr(/\/p2p\/[^/]+$/.test(address) ? address : `${address}/p2p/${peer}`)
}
