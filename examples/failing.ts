// One cancels all: an actor fails, its three siblings are cancelled, and the error arrives where it can be dealt with.
import assert, { AssertionError } from 'node:assert/strict'
import { expose, openNursery, RemoteActorError, run } from '../index.ts'

export function assertErr(): void {
  assert(false)
}
const failing = expose(import.meta, { assertErr })

if (import.meta.main) {
  try {
    await run(() =>
      openNursery(async (nursery) => {
        for (let i = 0; i < 3; i++) await nursery.startActor(`actor_${i}`, { modules: [failing] })
        await nursery.runInActor('extra', assertErr)
      }),
    )
  } catch (error) {
    if (!(error instanceof RemoteActorError && error.cause instanceof AssertionError)) throw error
    console.log('Look Maa that actor failed hard, hehhh!')
  }
}
