import { spawnSync } from 'node:child_process'
import type { Host, Network } from './network.ts'

/** Others see a host that is behind a router in the subnet of this number and its own. */
const TRANSLATED = 100
/** Milliseconds that a command of the system may take. */
const COMMAND_MS = 10_000

/** Why ports of hosts cannot be closed here; undefined when they can. @param host any one */
export function whyNoFirewall(host: Host): string | undefined {
  const { error, status, stderr } = nft(host, 'list ruleset\n')
  if (error !== undefined) return `nftables is not there (${error.message})`
  return status === 0 ? undefined : `nftables does not work here: ${stderr.trim()}`
}

/** Drops whatever comes to a host from outside, but for what it asked for itself and connections to one port. */
export function openOnly(host: Host, port: number): void {
  const { status, stderr } = nft(
    host,
    `table inet greenroom {
      chain input {
        type filter hook input priority 0; policy drop;
        iif lo accept
        ct state established,related accept
        tcp dport ${port} accept
      }
    }\n`,
  )
  if (status !== 0) throw new Error(`nft on host ${host.number}: ${stderr.trim()}`)
}

/** Puts a host behind a router that translates its address, as those of homes do, and lets no connection in. */
export function translate({ router }: Network, host: Host): void {
  const { status, stderr } = nft(
    { command: router },
    `table inet greenroom${host.number} {
      chain translate {
        type nat hook postrouting priority srcnat;
        ip saddr ${host.address} snat ip to 198.18.${TRANSLATED + host.number}.2
      }
      chain inward {
        type filter hook forward priority 0;
        ip daddr ${host.address} ct state new drop
      }
    }\n`,
  )
  if (status !== 0) throw new Error(`nft on the router of host ${host.number}: ${stderr.trim()}`)
}

function nft(host: Pick<Host, 'command'>, rules: string): { error?: Error; status: number | null; stderr: string } {
  const [ip = '', ...inHost] = host.command
  const path = `${process.env['PATH']}:/usr/sbin:/sbin`
  return spawnSync(ip, [...inHost, 'nft', '-f', '-'], {
    input: rules,
    encoding: 'utf8',
    timeout: COMMAND_MS,
    env: { ...process.env, PATH: path },
  })
}
