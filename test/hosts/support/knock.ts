import { spawnSync } from 'node:child_process'
import type { Host } from './network.ts'

/** What a host learns when it knocks where nobody listens: a refusal came back, or nothing did, or there is no way. */
export function knock(from: Host, address: string, port = 9): string {
  const script = `require('node:net').connect({ host: '${address}', port: ${port}, timeout: 500 })
    .on('timeout', () => { console.log('silence'); process.exit() }).on('error', ({ code }) => console.log(code))`
  const [command, ...args] = [...from.command, process.execPath, '-e', script]
  return spawnSync(command!, args, { encoding: 'utf8' }).stdout.trim()
}
