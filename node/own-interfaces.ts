import { networkInterfaces } from 'node:os'

/** Interfaces that containers and virtual machines of this machine talk over: nobody else reaches what is behind them. */
const INNER = /^(docker|br-|veth|virbr|vmnet|vboxnet|vnet|lxc|lxd|podman|cni|flannel|cali|cilium|kube)/

/** The addresses that this machine has at the moment, each with the name of its interface. */
export function ownInterfaces(): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [name, addresses] of Object.entries(networkInterfaces()))
    for (const { address } of addresses ?? []) found.set(address, name)
  return found
}

/** Whether this machine has an address that others reach it at, and not every machine with containers has as well. */
export function isOwn(ip: string | undefined, interfaces: ReadonlyMap<string, string>): boolean {
  const name = interfaces.get(ip ?? '')
  return name !== undefined && !INNER.test(name)
}

/** The address of an interface that a multiaddr begins with; undefined when it begins with something else. */
export function ipOf(address: string): string | undefined {
  return /^\/ip[46]\/([^/]+)/.exec(address)?.[1]
}

/** An address as the system gives it for a socket of both families, without what makes it one. */
export function plainIp(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '')
}

/**
 * Orders multiaddrs as others should try them: interfaces that lead to other machines, relays, those between this machine and
 * its own containers, this machine itself, and sockets of its file system, which are dialled before all others anyway.
 *
 * @param interfaces names by address
 */
export function inOrderOfReach(addresses: readonly string[], interfaces: ReadonlyMap<string, string>): string[] {
  return addresses.toSorted((a, b) => reachOf(a, interfaces) - reachOf(b, interfaces))
}

function reachOf(address: string, interfaces: ReadonlyMap<string, string>): number {
  if (address.includes('/p2p-circuit')) return 1
  const ip = ipOf(address)
  if (ip === undefined) return address.startsWith('/dns') ? 0 : 4
  if (/^(127\.|::1$)/.test(ip)) return 3
  return INNER.test(interfaces.get(ip) ?? '') ? 2 : 0
}
