// Programs that share nothing but the name of a mesh find each other, whoever started them:
//   node examples/standalone.ts my-mesh host     in one terminal
//   node examples/standalone.ts my-mesh          in another; without a host it starts one itself
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { currentActor, expose, failAfter, findActor, run, sleep, waitForActor } from '../index.ts'

export function welcome(guest: string): string {
  return `Welcome ${guest}, my name is ${currentActor().name} and I am another program`
}
const hospitality = expose(import.meta, { welcome })

async function host(): Promise<void> {
  console.log('The host is waiting for guests, for a minute')
  await sleep(60_000)
}

async function guest(): Promise<void> {
  const running = await findActor('host')
  if (running !== undefined) return await greet()
  console.log('Nobody here yet: I start a host')
  const program = spawn(process.execPath, [import.meta.filename, mesh, 'host'], { stdio: 'inherit' })
  const ended = once(program, 'exit')
  try {
    await greet()
  } finally {
    program.kill()
    await ended
  }
}

async function greet(): Promise<void> {
  const portal = await failAfter(10_000, () => waitForActor('host'))
  console.log(await portal.run(welcome, currentActor().name))
}

const [mesh = 'standalone', role = 'guest'] = process.argv.slice(2)

if (import.meta.main) await run(role === 'host' ? host : guest, { mesh, name: role, modules: [hospitality] })
