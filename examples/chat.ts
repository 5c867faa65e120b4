// A chat: everybody who runs this is in one group, on one machine or on many, and hears what the others type.
//   node examples/chat.ts donny                                      and, in another terminal, with another name
//   node examples/chat.ts donny --listen /ip4/0.0.0.0/tcp/4001      on several machines
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { broadcast, currentActor, currentSignal, expose, openNursery, run, watchMembers } from '../index.ts'

export function hear(from: string, line: string): void {
  console.log(`${from}: ${line}`)
}
const ears = expose(import.meta, { hear })

async function chat(): Promise<void> {
  const { name, id } = currentActor()
  await openNursery(async (nursery) => {
    nursery.start(async () => {
      for await (const { type, actor } of watchMembers('chat')) {
        if (actor.id === id || type === 'updated') continue
        console.log(type === 'up' ? `(${actor.name} is here)` : `(${actor.name} has left)`)
      }
    })
    for await (const line of createInterface({ input: process.stdin, signal: currentSignal() }))
      await broadcast({ group: 'chat', timeout: 2_000 }, hear, name, line)
    nursery.cancel()
  })
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { mesh: { type: 'string', default: 'chat' }, listen: { type: 'string', multiple: true } },
  })
  const { mesh, listen } = values
  const [name = 'somebody'] = positionals
  const lan = listen === undefined ? {} : ({ listen, profile: 'lan' } as const)
  await run(chat, { mesh, name, modules: [ears], groups: ['chat'], ...lan })
}
