import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { within } from '../../support/within.ts'
import type { Host } from './network.ts'

/** What was said to everybody of a local network by multicast DNS. */
export interface Ear extends AsyncDisposable {
  readonly heard: readonly { readonly from: string; readonly bytes: Buffer }[]
}

/** Listens on a host to what everybody hears. */
export async function eavesdrop(host: Host): Promise<Ear> {
  const script = `const socket = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true })
    socket.on('message', (bytes, { address }) => console.log(address + ' ' + bytes.toString('hex')))
    socket.bind(5353, () => { socket.addMembership('224.0.0.251', '${host.address}'); console.log('listening') })`
  const [command, ...args] = [...host.command, process.execPath, '-e', script]
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  const heard: { from: string; bytes: Buffer }[] = []
  const listening = Promise.withResolvers<void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [from = '', bytes] = line.split(' ')
    if (bytes === undefined) listening.resolve()
    else heard.push({ from, bytes: Buffer.from(bytes, 'hex') })
  })
  await within('it listens to the local network', listening.promise)
  return {
    heard,
    [Symbol.asyncDispose]: async () => {
      child.kill()
      await within('it listens no more', exited)
    },
  }
}
