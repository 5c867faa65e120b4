import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BootFailed, type ExposedModule, joinMesh, type JoinedMesh, openNursery } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { actors, whoAmI } from './fixtures/actors.ts'

expectNothingLeft()

let mesh: JoinedMesh
beforeEach(async () => {
  mesh = await joinMesh()
})
afterEach(async () => await mesh.leave())

function fixture(file: string): ExposedModule {
  return { url: new URL(`./fixtures/${file}`, import.meta.url).href, namespace: 'broken' }
}

/** Starts an actor with a module, and beside it a sound one that must not notice. */
async function bootFailure(module: ExposedModule, bootTimeoutMs = 60_000): Promise<BootFailed> {
  return await openNursery(
    async (nursery) => {
      const sound = await nursery.startActor('sound', { modules: [actors] })
      const error = await nursery.startActor('broken', { modules: [module] }).then(
        () => expect.unreachable('it should not have started'),
        (failure: unknown) => failure,
      )
      expect((await sound.run(whoAmI)).name).toBe('sound')
      nursery.cancel()
      expect(error).toBeInstanceOf(BootFailed)
      return error as BootFailed
    },
    { bootTimeoutMs },
  )
}

test('a module that is missing is named, with the cause', async () => {
  const error = await bootFailure(fixture('not-there.ts'))
  expect(error.actorName).toBe('broken')
  expect(error.module).toContain('not-there.ts')
  expect(error.message).toContain('not-there.ts')
  expect(error.cause).toMatchObject({ code: 'ERR_MODULE_NOT_FOUND' })
})

test('a module that throws on import is named, with its own error as the cause', async () => {
  const error = await bootFailure(fixture('throws-on-import.ts'))
  expect(error.message).toContain('throws-on-import.ts')
  expect(error.cause).toBeInstanceOf(RangeError)
  expect((error.cause as Error).message).toBe('this module does not want to be imported')
})

test('a module with a syntax error is named', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'greenroom-syntax-'))
  try {
    const file = join(folder, 'syntax-error.mjs')
    writeFileSync(file, 'const = 1\n')
    const error = await bootFailure({ url: pathToFileURL(file).href, namespace: 'broken' })
    expect(error.message).toContain('syntax-error.mjs')
    expect(error.cause).toBeInstanceOf(SyntaxError)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a module that does not expose what it should is named', async () => {
  const error = await bootFailure(fixture('exposes-nothing.ts'))
  expect(error.message).toContain('exposes-nothing.ts')
  expect(error.message).toContain("'broken'")
})

test('a child that exits before it is ready is told apart by its exit code', async () => {
  const error = await bootFailure(fixture('exits-on-import.ts'))
  expect(error.message).toContain('exited with code 3')
})

test('a child that never gets ready is ended after the boot timeout', async () => {
  const error = await bootFailure(fixture('never-ready.ts'), 4_000)
  expect(error.message).toContain('not ready within 4000 ms')
})

test.each([
  ['there is no such program', 'ENOENT', () => (process.execPath = '/nowhere/node')],
  ['the environment is too large', 'E2BIG', () => (process.env['GREENROOM_TEST_BALLAST'] = 'x'.repeat(2 ** 21))],
])('a process that the system does not start is told with the reason: %s', async (_, code, spoil) => {
  const { execPath } = process
  try {
    await openNursery(async (nursery) => {
      spoil()
      const error = await failureOf(nursery.startActor('broken'))
      expect(error).toBeInstanceOf(BootFailed)
      expect((error as BootFailed).message).toMatch(new RegExp(`its process cannot be started: .*${code}`))
      expect((error as BootFailed).cause).toMatchObject({ code })
      expect(nursery.report.children).toMatchObject([{ name: 'broken', outcome: 'failed' }])
    })
  } finally {
    process.execPath = execPath
    delete process.env['GREENROOM_TEST_BALLAST']
  }
})
