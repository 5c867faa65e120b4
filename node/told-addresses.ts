import type { Libp2p } from '@libp2p/interface'
import type { InnerParts } from './dialling.ts'
import { inOrderOfReach, ownInterfaces } from './own-interfaces.ts'
import { isRelayed, leadsOutside } from './relay.ts'

/** The addresses that others are told of an actor, in the order in which they should try them. */
export function toldAddresses(node: Libp2p, addresses: InnerParts['addressManager']): string[] {
  vouchForOwn(addresses)
  const told = node
    .getMultiaddrs()
    .map(String)
    .filter((address) => !isRelayed(address) || leadsOutside(address))
  return told.length < 2 ? told : inOrderOfReach(told, ownInterfaces())
}

/** libp2p tells of a public address only once strangers have reached it there; these are the own listeners of this actor. */
function vouchForOwn(addresses: InnerParts['addressManager']): void {
  for (const { multiaddr: address, type, verified } of addresses.getAddressesWithMetadata())
    if (type === 'transport' && !verified) addresses.confirmObservedAddr(address, { type: 'transport' })
}
