import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { within } from '../../support/within.ts'
import type { Host } from './network.ts'

const program = fileURLToPath(new URL('../fixtures/name-server.ts', import.meta.url))

/** A server of names on a host, which forgets them with the test. */
export interface NameServer extends AsyncDisposable {
  /** What a name leads to from now on; nothing is remembered by those who ask. */
  lead(name: string, to: readonly string[]): Promise<void>
  /** Questions that were answered so far. */
  asked(): Promise<number>
}

export async function startNameServer(host: Host): Promise<NameServer> {
  const [ip = '', ...inHost] = host.command
  const child = spawn(ip, [...inHost, process.execPath, program, host.address], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  await within('the name server is up', heard(child), 20_000)
  const tell = async (what: object): Promise<number> => {
    const answer = heard(child)
    child.send(what)
    return await within('the name server answers', answer)
  }
  return {
    lead: async (name, to) => void (await tell({ name, to })),
    asked: async () => await tell({}),
    [Symbol.asyncDispose]: async () => {
      if (child.connected) child.disconnect()
      await within('the end of the name server', exited)
    },
  }
}

async function heard(child: ChildProcess): Promise<number> {
  const [{ asked }] = (await once(child, 'message')) as [{ asked: number }]
  return asked
}
