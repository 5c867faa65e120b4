import { openIdentity } from '../node/identity.ts'
import { TREE_KEY_BYTES } from '../rpc/kinship.ts'
import { WARM_ACTORS } from './warm-pool.ts'
import { privateMesh } from './runtime-options.ts'
import { startRuntime } from './start-runtime.ts'

/**
 * Is an actor once, in a mesh of its own and unseen by anybody, and ends again: what runs for the first time in a
 * process is compiled then, which is half of what a warm process still has to do when it gets its name.
 */
export async function rehearse(): Promise<void> {
  const identity = await openIdentity()
  const runtime = await startRuntime({
    name: 'rehearsal',
    identity,
    ...privateMesh(),
    treeKey: new Uint8Array(TREE_KEY_BYTES),
    listen: [],
    modules: [],
    statespace: {},
    metadata: {},
    profile: 'loopback',
    stacks: 'none',
    startMethod: 'process',
    warmActors: WARM_ACTORS,
    depth: 0,
    isRehearsal: true,
  })
  try {
    await runtime.rpc.portal(runtime.self).describe()
  } finally {
    await runtime.stop('the rehearsal is over')
  }
}
