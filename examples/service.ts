// A web service that embeds an actor: any number of instances stand behind one name, on one machine or on many.
//   node examples/service.ts my-mesh 8080     and, in another terminal, with another port
//   node examples/service.ts my-mesh 8080 --listen /ip4/0.0.0.0/tcp/4001     on several machines
// Fastify owns the process: greenroom handles no signal here, and leaves when the service closes.
import { parseArgs } from 'node:util'
import fastify from 'fastify'
import { currentActor, expose, failAfter, findActors, getArbiter, joinMesh } from '../index.ts'

let visits = 0

export function countVisits(): number {
  return visits
}
const counter = expose(import.meta, { countVisits })

/** What every instance has counted; one that dies meanwhile counts no more. */
async function allVisits(): Promise<number[]> {
  const counts = await failAfter(1_000, async () =>
    Promise.allSettled(findActors('web').map(async (instance) => await instance.run(countVisits))),
  )
  return counts.filter((count) => count.status === 'fulfilled').map(({ value }) => value)
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { listen: { type: 'string', multiple: true } },
  })
  const [mesh = 'service', port = '0'] = positionals
  const { listen } = values
  const lan = listen === undefined ? {} : ({ listen, profile: 'lan' } as const)
  const service = fastify()
  const joined = await joinMesh({ mesh, name: 'web', modules: [counter], ...lan })
  service.addHook('onClose', async () => await joined.leave())

  service.get('/', () => ({ visits: ++visits, at: currentActor().id }))
  service.get('/visits', async () => ({ instances: await allVisits() }))
  service.get('/health', async () => {
    const { portal, term } = await failAfter(1_000, getArbiter)
    return { status: 'ok', instances: findActors('web').length, arbiter: portal.id, term }
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void service.close())
  console.log(
    `listening on ${await service.listen({ port: Number(port), host: listen === undefined ? 'localhost' : '0.0.0.0' })}`,
  )
}
