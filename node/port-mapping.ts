import type { uPnPNAT } from '@libp2p/upnp-nat'
import type { Host } from './host.ts'
import { areaLog } from './log.ts'
import { ipOf, ownInterfaces } from './own-interfaces.ts'
import { isRelayed, leadsOutside } from './relay.ts'

/** Milliseconds after which it is said that no router has opened a port. */
export const PORT_MAPPING_WAIT_MS = 20_000
/** Descriptions of routers that one root may be given. */
export const MAX_GATEWAYS = 4

/**
 * Asks routers to pass on connections from outside: UPnP Internet Gateway Device 2, found by SSDP unless they are named. What a
 * router says of its address is believed; addresses that are private themselves are not asked for.
 *
 * @param gateways URLs of the descriptions of routers
 */
export async function portMapping(gateways?: readonly string[]): Promise<ReturnType<typeof uPnPNAT>> {
  const upnp = await import('@libp2p/upnp-nat')
  return upnp.uPnPNAT({
    autoConfirmAddress: true,
    // libp2p's own would tell everybody who asks the router the peer id
    portMappingDescription: 'greenroom',
    ...(gateways === undefined ? {} : { gateways: [...gateways] }),
  })
}

/** Says so when no router has opened a port in time; the returned function ends that. */
export function watchPortMapping(host: Pick<Host, 'addresses'>): () => void {
  const timer = setTimeout(() => {
    const own = ownInterfaces()
    const isMapped = (address: string): boolean =>
      leadsOutside(address) && !isRelayed(address) && !own.has(ipOf(address) ?? '')
    if (!host.addresses().some(isMapped))
      areaLog('nursery').warn(
        `no router has opened a port within ${PORT_MAPPING_WAIT_MS} ms: there is none that speaks UPnP (IGD 2) or it refuses, or it has no public address itself; it is asked again`,
      )
  }, PORT_MAPPING_WAIT_MS)
  timer.unref()
  return () => clearTimeout(timer)
}
