import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { failAfter, joinMesh, type JoinedMesh, openNursery, waitForActor } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { placed, whereAmI } from './fixtures/placed.ts'

useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/host-program.ts', import.meta.url)
const modules = [placed]

async function startHost(name: string, options: object = {}): Promise<Program & { id: string }> {
  const root = await startProgram(program, { args: [JSON.stringify({ name, allowSpawn: true, ...options })] })
  const [, id = ''] = /^up (\S+)/.exec(await root.waitForLine(/^up/)) ?? []
  return Object.assign(root, { id })
}

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh({ mesh: 'placement', name: 'owner', logLevel: 'error' })
})
afterEach(async () => await mesh.leave())

describe('an actor on another host', () => {
  test('runs there', async () => {
    const alpha = await startHost('alpha')
    await failAfter(deadline(5_000), () => waitForActor({ where: { groups: ['greenroom:hosts'] } }))
    await openNursery(async (nursery) => {
      const portal = await nursery.startActor('walter', { modules, on: 'alpha', statespace: { seats: 3 } })
      const where = await portal.run(whereAmI)
      expect(where).toMatchObject({ name: 'walter', parent: alpha.pid, statespace: { seats: 3 } })
      nursery.cancel()
    })
    alpha.kill('SIGTERM')
    await alpha.waitForExit()
  })
})
