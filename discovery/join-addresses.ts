import { inspect } from 'node:util'
import { multiaddr } from '@multiformats/multiaddr'
import { InvalidArgument } from '../node/errors.ts'
import type { PeerHint } from './core/input.ts'
import { coreLimits } from './core/limits.ts'

/** Addresses to join by that one root may be given. */
export const MAX_JOIN_ADDRESSES: number = coreLimits.seeds
/** Names and addresses without peer ids among them. */
export const MAX_JOIN_PLACES = 16
const MAX_ADDRESS_CHARACTERS = 512

/**
 * Reads addresses to join by: multiaddrs that end in the peer id of a root, as `currentActor().addresses` shows them.
 *
 * @throws InvalidArgument naming the first one that cannot be used
 */
export function readJoinAddresses(addresses: readonly string[]): PeerHint[] {
  if (!Array.isArray(addresses) || addresses.length > MAX_JOIN_ADDRESSES)
    throw new InvalidArgument(`join takes an array of at most ${MAX_JOIN_ADDRESSES} addresses, got ${shown(addresses)}`)
  const byPeer = Map.groupBy(addresses as readonly string[], peerOf)
  return [...byPeer].map(([peerId, addrs]) => ({ peerId, addrs, eager: true }))
}

/** What a root is given to join by. */
export interface JoinPlaces {
  readonly hints: PeerHint[]
  /** Addresses and names that roots are looked for at, again and again, whoever they are. */
  readonly places: string[]
}

/**
 * Reads addresses to join by, with and without peer ids: `/dns4/mesh.internal/tcp/4001` is every root that the name leads to.
 *
 * @throws InvalidArgument naming the first one that cannot be used
 */
export function readJoinPlaces(addresses: readonly string[]): JoinPlaces {
  if (!Array.isArray(addresses)) return { hints: readJoinAddresses(addresses), places: [] }
  const places = (addresses as readonly string[]).filter(isPlace)
  const hints = readJoinAddresses((addresses as readonly string[]).filter((address) => !isPlace(address)))
  if (places.length > MAX_JOIN_PLACES)
    throw new InvalidArgument(`join takes at most ${MAX_JOIN_PLACES} addresses without peer ids, got ${places.length}`)
  return { hints, places }
}

function isPlace(address: string): boolean {
  if (typeof address !== 'string' || address.length > MAX_ADDRESS_CHARACTERS) return false
  try {
    const [host, port, ...more] = multiaddr(address).getComponents()
    return /^(dns|dns4|dns6|ip4|ip6)$/.test(host?.name ?? '') && port?.name === 'tcp' && more.length === 0
  } catch {
    return false
  }
}

function peerOf(address: string): string {
  const peer = lastPeerOf(address)
  if (peer !== undefined) return peer
  throw new InvalidArgument(
    `join cannot use the address ${shown(address)}: give one with its root's peer id, like '/ip4/192.0.2.7/tcp/4001/p2p/12D3Koo…', or the name of a host, like '/dns4/mesh.internal/tcp/4001'`,
  )
}

function lastPeerOf(address: string): string | undefined {
  if (typeof address !== 'string' || address.length > MAX_ADDRESS_CHARACTERS) return undefined
  try {
    const parts = multiaddr(address).getComponents()
    const last = parts.at(-1)
    return parts.length > 1 && last?.name === 'p2p' ? last.value : undefined
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 80 })
}
