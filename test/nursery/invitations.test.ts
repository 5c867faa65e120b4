import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { currentActor, findActor, invite, joinMesh, openNursery } from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { type Program, startProgram } from '../support/program.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

const program = new URL('./fixtures/mesh-program.ts', import.meta.url)

/** Runs as if on a machine of its own. */
async function onMachine<T>(name: string, act: () => Promise<T>): Promise<T> {
  const before = { ...process.env }
  const path = join(runtime.path, name)
  mkdirSync(path, { recursive: true, mode: 0o700 })
  Object.assign(process.env, { XDG_RUNTIME_DIR: path, XDG_STATE_HOME: join(path, 'state') })
  try {
    return await act()
  } finally {
    process.env = before
  }
}

async function startInviter(): Promise<Program & { addresses: string[] }> {
  return await onMachine('inviter', async () => {
    const root = await startProgram(program, { args: ['studio', 'theatre'] })
    await root.waitForLine(/^joined/)
    const directory = join(process.env['XDG_RUNTIME_DIR']!, `greenroom-${process.getuid?.()}`, 'studio', 'roots')
    const [entry = ''] = readdirSync(directory)
    const { addrs } = JSON.parse(readFileSync(join(directory, entry), 'utf8')) as { addrs: string[] }
    return Object.assign(root, { addresses: addrs.filter((address) => address.includes('/tcp/')) })
  })
}

const inviteTo = async (addresses: string[], limits = {}): Promise<string> =>
  await onMachine('inviter', async () => await invite('studio', { addresses, ...limits }))

async function end(root: Program): Promise<void> {
  root.kill('SIGTERM')
  await root.waitForExit()
}

describe('with an invitation', () => {
  test('an actor of another machine joins, and joins again by the name of the mesh alone', async () => {
    const root = await startInviter()
    const line = await inviteTo(root.addresses, { uses: 1 })
    await onMachine('guest', async () => {
      for (const how of [{ join: line }, { join: line }, { mesh: 'studio' }]) {
        await using _mesh = await joinMesh({ name: 'guest', ...how })
        await eventually('it knows its host', async () => (await findActor('theatre')) !== undefined)
        await root.waitForLine(`up guest ${currentActor().id}`)
      }
    })
    await end(root)
  })

  test('what is kept of it is for this user alone, and no child gets to see it', async () => {
    const root = await startInviter()
    const line = await inviteTo(root.addresses)
    await onMachine('guest', async () => {
      process.env['GREENROOM_JOIN'] = line
      await using _mesh = await joinMesh({ name: 'guest' })
      const state = join(process.env['XDG_STATE_HOME']!, 'greenroom')
      expect(statSync(state).mode & 0o777).toBe(0o700)
      expect(statSync(join(state, 'studio.json')).mode & 0o777).toBe(0o600)
      await openNursery(async (nursery) => {
        await nursery.startActor('child', {})
        const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim().split(' ')
        expect(children.length).toBeGreaterThan(0)
        for (const pid of children)
          for (const file of ['environ', 'cmdline'])
            expect(readFileSync(`/proc/${pid}/${file}`, 'utf8')).not.toContain(line)
        nursery.cancel()
      })
    })
    await end(root)
  })

  test('that is used up or has expired, or whose mesh does not answer, nobody joins, and hears why', async () => {
    const root = await startInviter()
    const line = await inviteTo(root.addresses, { uses: 1 })
    await onMachine('guest', async () => await (await joinMesh({ join: line })).leave())
    await onMachine('late', async () => {
      await expect(joinMesh({ join: line })).rejects.toMatchObject({
        code: 'INVITATION_REFUSED',
        message: expect.stringContaining('used already') as string,
      })
    })
    const brief = await inviteTo(root.addresses, { expiresInMs: 1_000 })
    const over = Date.now() + 1_000
    await eventually('it has expired', () => Date.now() > over)
    await onMachine('late', async () => {
      await expect(joinMesh({ join: brief })).rejects.toMatchObject({
        code: 'INVITATION_REFUSED',
        message: expect.stringMatching(/expired at .*: ask for a new one/) as string,
      })
    })
    await end(root)
    await onMachine('later', async () => {
      await expect(joinMesh({ join: line })).rejects.toMatchObject({ code: 'MESH_UNREACHABLE' })
    })
  })

  test('an actor does not join another mesh than it asked for, nor one whose name it has used for another', async () => {
    const root = await startInviter()
    const line = await inviteTo(root.addresses)
    await onMachine('guest', async () => {
      await expect(joinMesh({ join: line, mesh: 'other' })).rejects.toThrow("to mesh 'studio'")
      const directory = join(process.env['XDG_RUNTIME_DIR']!, `greenroom-${process.getuid?.()}`)
      mkdirSync(join(directory, 'studio'), { recursive: true, mode: 0o700 })
      writeFileSync(join(directory, 'studio', 'secret'), new Uint8Array(32), { mode: 0o600 })
      await expect(joinMesh({ join: line })).rejects.toMatchObject({ code: 'MESH_NAME_IN_USE' })
    })
    await end(root)
  })
})

test('there is no invitation to a mesh that nobody outside could reach', async () => {
  const root = await startInviter()
  await onMachine('inviter', async () => {
    await expect(invite('studio')).rejects.toMatchObject({ code: 'NO_OPEN_ROOT' })
    await expect(invite('studio', { addresses: ['nowhere'] })).rejects.toThrow("'nowhere'")
  })
  await end(root)
})
