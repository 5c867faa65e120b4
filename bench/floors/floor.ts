import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { serveCommands } from '../driver.ts'
import type { Subject } from '../subject.ts'
import type { Link } from './link.ts'
import { FloorSubject, servePeer } from './peer.ts'

/** The two ends of a connection. */
export interface Transport<Address> {
  /** The answering end; gives what the other process needs to connect. */
  listen(onLink: (link: Link) => void): Promise<Address>
  connect(address: Address, peer: ChildProcess): Promise<Connected>
}

interface Connected {
  readonly calls: Link
  /** For streams; the same link where there can be only one. */
  readonly data: Link
  readonly extras?: Pick<Subject, 'cold' | 'spawn'>
  readonly close: () => Promise<void> | void
}

/**
 * Plays a floor's file: as the calling end it starts the answering one from the same file and obeys the bench. Either
 * ends when the process that started it lets go of it.
 */
export async function playFloor<Address>(file: string, transport: Transport<Address>): Promise<void> {
  if (process.argv[2] === 'peer') {
    process.once('disconnect', () => process.exit(0))
    process.send?.({ address: await transport.listen(servePeer) })
    return
  }
  const peer = fork(file, ['peer'], { execArgv: [], serialization: 'advanced' })
  const exited = once(peer, 'exit')
  const [{ address }] = (await Promise.race([once(peer, 'message'), exited.then(died)])) as [{ address: Address }]
  const { calls, data, extras, close } = await transport.connect(address, peer)
  const subject: Subject = Object.assign(new FloorSubject(calls, data), extras)
  await serveCommands(subject, exited.then(died))
  await close()
  if (peer.connected) peer.disconnect()
  await exited
}

function died([code, signal]: unknown[]): never {
  throw new Error(`the answering process ended: ${String(signal ?? code)}`)
}
