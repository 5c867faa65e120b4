// A service behind one name on two hosts: one of them is lost, and its clients go on with the other.
//   node examples/greeters.ts rex --listen /ip4/0.0.0.0/tcp/4001     on one host, and as odeon on another
//   node examples/greeters.ts client                                 anywhere in the mesh
import { parseArgs } from 'node:util'
import { ActorDied, currentActor, DeadlineExceeded, expose, findActors, run, sleep } from '../index.ts'

export function greet(guest: string): string {
  return `Hello ${guest}, this is ${String(currentActor().statespace['house'])}`
}
const greeting = expose(import.meta, { greet })

/** Asks one after the other in turn; who does not answer is passed over, also before the mesh knows of its end. */
async function ask(turn: number): Promise<string> {
  for (let attempt = turn; ; attempt++) {
    const greeters = findActors('greeter')
    const greeter = greeters[attempt % greeters.length]
    try {
      if (greeter !== undefined) return await greeter.with({ timeout: 1_000 }).run(greet, 'guest')
    } catch (error) {
      if (!(error instanceof ActorDied || error instanceof DeadlineExceeded)) throw error
    }
    await sleep(20)
  }
}

async function visit(visits: number): Promise<void> {
  for (let turn = 1; turn <= visits; turn++) {
    console.log(`${turn}. ${await ask(turn)}`)
    await sleep(50)
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mesh: { type: 'string', default: 'greeters' },
      listen: { type: 'string', multiple: true },
      visits: { type: 'string', default: '100' },
    },
  })
  const { mesh, listen } = values
  const [house = 'rex'] = positionals
  const lan = listen === undefined ? {} : ({ listen, profile: 'lan' } as const)
  if (house === 'client') await run(() => visit(Number(values.visits)), { mesh, name: 'client', ...lan })
  else await run(() => sleep(600_000), { mesh, name: 'greeter', modules: [greeting], statespace: { house }, ...lan })
}
