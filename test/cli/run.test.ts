import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { greenroom, startGreenroom } from './support/greenroom.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

const index = new URL('../../index.ts', import.meta.url).href

function programOf(code: string): string {
  const file = join(runtime.path, 'program.ts')
  writeFileSync(file, `import { currentActor, discovery, run, sleep } from '${index}'\n${code}`)
  return file
}

test('greenroom run puts a program into the mesh, hands its arguments on, and ends with its exit code', async () => {
  const file = programOf(`
    await run(() => console.log(discovery.snapshot().mesh, currentActor().name, ...process.argv.slice(2)), { name: 'soloist' })
    process.exitCode = 7`)
  expect(await greenroom('run', '--mesh', 'stage', file, '--loud', 'twice')).toEqual({
    code: 7,
    stdout: 'stage soloist --loud twice',
    stderr: '',
  })
})

test('greenroom run ends its program when it is told to end', async () => {
  const file = programOf(`
    await run(async () => {
      console.log('it plays')
      await sleep(60_000)
    })`)
  const program = await startGreenroom('run', '--mesh', 'stage', file)
  await program.waitForLine('it plays')
  program.kill('SIGTERM')
  expect((await program.waitForExit()).code).toBe(143)
})

test('greenroom run says what it wants when there is no such file', async () => {
  const { code, stderr } = await greenroom('run', '--json', join(runtime.path, 'none.ts'))
  expect(code).toBe(2)
  expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'NO_PROGRAM' } })
})
