// Imported before a program, tells in TRAFFIC_REPORT how many bytes the connections have carried that it opened.
import { subscribe } from 'node:diagnostics_channel'
import { renameSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'

const sockets = new Set<Socket>()
subscribe('net.client.socket', (message) => sockets.add((message as { socket: Socket }).socket))
const report = process.env['TRAFFIC_REPORT']
if (report !== undefined)
  setInterval(() => {
    const sum = (read: (socket: Socket) => number): number => [...sockets].reduce((total, one) => total + read(one), 0)
    const open = [...sockets].filter((one) => !one.destroyed).length
    writeFileSync(
      `${report}.new`,
      JSON.stringify({ received: sum((one) => one.bytesRead), sent: sum((one) => one.bytesWritten), sockets: open }),
    )
    renameSync(`${report}.new`, report)
  }, 100).unref()
