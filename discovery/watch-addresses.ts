import type { Host } from '../node/host.ts'
import type { AddressChanges } from './address-changes.ts'
import type { Discovery } from './discovery.ts'

/**
 * Notices changes of addresses as soon as an actor listens, or is connected, beyond its machine: most never do, and load nothing
 * of it. Gives the function that ends that.
 *
 * @param told the addresses that others have been told
 */
export function watchAddresses(
  host: Host,
  discovery: Discovery,
  told: readonly string[],
  onChange: (addresses: readonly string[]) => void,
): () => void {
  let changes: AddressChanges | undefined
  let over = false
  const begin = async (): Promise<void> => {
    const loaded = await import('./address-changes.ts')
    if (!over) changes = new loaded.AddressChanges({ host, discovery, onChange }, told)
  }
  let unlink: (() => void) | undefined
  if (host.ends.leadOutside()) void begin()
  else unlink = host.ends.onceOutside(() => void begin())
  return () => {
    over = true
    unlink?.()
    changes?.close()
  }
}
