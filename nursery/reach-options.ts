import { inspect } from 'node:util'
import type { PeerHint } from '../discovery/core/input.ts'
import { readJoinAddresses } from '../discovery/join-addresses.ts'
import { InvalidArgument } from '../node/errors.ts'
import { MAX_GATEWAYS } from '../node/port-mapping.ts'
import { leadsOutside } from '../node/relay.ts'

/** What a root has to do with relays: offers one, or is reached by those that it joins by, or by these. */
export type RelayOption = 'offer' | 'use' | readonly string[]

/** What follows from it. */
export interface Relaying {
  /** Whom it passes on connections to: nobody, actors of its machine, or all members. */
  readonly relays: boolean | 'members'
  /** By whom it is reached. */
  readonly through: readonly PeerHint[]
}

/** @throws InvalidArgument naming what does not go together */
export function readRelayOption(
  relay: RelayOption | undefined,
  listen: readonly string[] | undefined,
  announce: readonly string[] | undefined,
  joins: readonly PeerHint[],
): Relaying {
  const isOpen = listen?.some(leadsOutside) ?? false
  if (relay === undefined) return { relays: isOpen, through: [] }
  if (relay === 'offer') {
    if (isOpen) return { relays: 'members', through: [] }
    throw new InvalidArgument(
      "a relay is reached from other machines: give run() or joinMesh() a 'listen' address beyond the loopback interface as well as relay: 'offer'",
    )
  }
  if (relay !== 'use' && !Array.isArray(relay))
    throw new InvalidArgument(`relay is 'offer', 'use' or an array of addresses, got ${inspect(relay, { depth: 0 })}`)
  if (announce !== undefined && announce.length > 0)
    throw new InvalidArgument("what is announced replaces all other addresses: give either 'announce' or 'relay'")
  const through = relay === 'use' ? joins : readJoinAddresses(relay)
  if (through.length > 0) return { relays: isOpen, through }
  throw new InvalidArgument(
    "relay: 'use' asks the roots that this one joins by: join by an invitation, or by addresses with peer ids, or name the relays",
  )
}

/** @throws InvalidArgument */
export function checkPortMapping(
  routers: boolean | readonly string[] | undefined,
  listen: readonly string[] | undefined,
): boolean | readonly string[] {
  if (routers === undefined || routers === false) return false
  if (!(listen?.some(leadsOutside) ?? false))
    throw new InvalidArgument(
      "a router passes on to a port that is open: give run() or joinMesh() a 'listen' address beyond the loopback interface as well as 'portMapping'",
    )
  if (routers === true) return true
  if (!Array.isArray(routers) || routers.length === 0 || routers.length > MAX_GATEWAYS || !routers.every(isHttp))
    throw new InvalidArgument(
      `portMapping is true, or an array of at most ${MAX_GATEWAYS} URLs like 'http://192.168.1.1:5000/rootDesc.xml', got ${inspect(routers, { depth: 1 })}`,
    )
  return routers as readonly string[]
}

function isHttp(url: unknown): boolean {
  return typeof url === 'string' && /^https?:$/.test(URL.parse(url)?.protocol ?? '')
}
