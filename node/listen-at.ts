import { multiaddr } from '@multiformats/multiaddr'
import type { InnerParts } from './dialling.ts'
import { relayedBy } from './relay.ts'

/** What a listener of the relay transport has, in private fields of circuit-relay-v2 4.2. */
interface RelayListener {
  readonly relay?: { toString(): string }
  readonly reservationStore?: { addRelay(relay: unknown, type: 'configured'): Promise<unknown> }
}

/**
 * Reserves a place at a relay that this actor is connected to. A listener that has lost its place there gets it back: a new one
 * each time would pile up.
 *
 * @param relay an address of it that ends in its peer id
 * @throws Error when the relay gives it none
 */
export async function listenAt({ transportManager, loadRelay }: InnerParts, relay: string): Promise<void> {
  await loadRelay?.()
  const peer = /\/p2p\/([^/]+)$/.exec(relay)?.[1]
  const before = (transportManager.getListeners() as RelayListener[]).find((one) => one.relay?.toString() === peer)
  if (before?.reservationStore === undefined) await transportManager.listen([multiaddr(relayedBy(relay))])
  else await before.reservationStore.addRelay(before.relay, 'configured')
}
