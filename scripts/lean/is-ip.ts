// Stands in for `@chainsafe/is-ip`: Node's pattern for IPv6 takes three milliseconds to compile, and libp2p asks of
// every address. One without a colon is none.
import * as net from 'node:net'

export const isIPv4 = (text: string): boolean => net.isIPv4(text)
export const isIPv6 = (text: string): boolean => text.includes(':') && net.isIPv6(text)
export const ipVersion = (text: string): number => (isIPv4(text) ? 4 : isIPv6(text) ? 6 : 0)
export const isIP = (text: string): boolean => ipVersion(text) !== 0
