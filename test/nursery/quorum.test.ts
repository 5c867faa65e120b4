import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtimeDir = useRuntimeDir()
expectNothingLeft()

const started: Program[] = []
afterEach(async () => {
  for (const root of started) root.kill('SIGTERM')
  for (const root of started.splice(0)) await root.waitForExit()
})

const program = new URL('./fixtures/mesh-program.ts', import.meta.url)

/** A root of mesh `test`; what it knows of the arbiter are lines `… rules in term …` or `nobody rules`. */
async function startElector(name: string, quorum: string): Promise<Program> {
  const env = { GREENROOM_QUORUM: quorum, XDG_STATE_HOME: join(runtimeDir.path, 'state') }
  const root = await startProgram(program, { args: ['test', name], env })
  started.push(root)
  await root.waitForLine(/^joined/)
  return root
}

/** The term of the arbiter that a root names last; undefined while it says that nobody rules. */
function termSeenBy(root: Program): number | undefined {
  const last = root.stdout.findLast((line) => line.includes('rules'))
  const [, term] = / rules in term (\d+)$/.exec(last ?? '') ?? []
  return term === undefined ? undefined : Number(term)
}

async function commonTerm(roots: readonly Program[]): Promise<number> {
  const term = await eventually(
    'all name one arbiter',
    () => {
      const terms = new Set(roots.map(termSeenBy))
      const [term] = terms
      return terms.size === 1 && term !== undefined ? term : false
    },
    10_000,
  )
  return Number(term)
}

/** A new electorate has to be complete once: waits until so many electors have that on disk. */
async function complete(electors: number): Promise<void> {
  const directory = join(runtimeDir.path, 'state', `greenroom-${process.getuid?.()}`, 'test', 'votes')
  const settled = (): number =>
    readdirSync(directory).filter(
      (file) => file.endsWith('.json') && readFileSync(join(directory, file), 'utf8').includes('"settled":true'),
    ).length
  await eventually('all electors know each other', () => settled() === electors, 10_000)
}

async function kill(root: Program): Promise<void> {
  root.kill('SIGKILL')
  await root.waitForExit()
}

describe.each(['a,b,c', '3'])('of three electors, declared as %s', (quorum) => {
  test('two that are killed leave the third without an arbiter; with one of them back there is one, of a later term', async () => {
    const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => startElector(name, quorum)))
    if (a === undefined || b === undefined || c === undefined) throw new Error('there are three')
    await complete(3)
    const first = await commonTerm([a, b, c])
    await Promise.all([kill(a), kill(b)])
    await eventually('the third knows that nobody rules', () => termSeenBy(c) === undefined)
    const back = await startElector('a', quorum)
    const second = await commonTerm([back, c])
    expect(second).toBeGreaterThan(first)
  })
})

describe('an elector', () => {
  test('of the same name on the same machine is refused', async () => {
    await startElector('a', 'a,b,c')
    const env = { GREENROOM_QUORUM: 'a,b,c', XDG_STATE_HOME: join(runtimeDir.path, 'state') }
    const twin = await startProgram(program, { args: ['test', 'a'], env })
    await twin.waitForLine(/is elector 'a' of mesh 'test' already/)
    expect((await twin.waitForExit()).code).toBe(1)
  })

  test('waits for all others the first time, and says for whom', async () => {
    const [a, b] = [await startElector('a', 'a,b,c'), await startElector('b', 'a,b,c')]
    await a.waitForLine(/the electorate is not complete and has no arbiter: it waits for 'c'/)
    expect([termSeenBy(a), termSeenBy(b)]).toEqual([undefined, undefined])
    await commonTerm([a, b, await startElector('c', 'a,b,c')])
  })

  test('and another whose electorate is another tell of it, and neither counts the other', async () => {
    const a = await startElector('a', 'a,b')
    const b = await startElector('b', 'b,c')
    await Promise.any([a, b].map((root) => root.waitForLine(/counts the votes of another electorate/)))
    expect([termSeenBy(a), termSeenBy(b)]).toEqual([undefined, undefined])
  })
})

test('an arbiter that is ended in order hands its office over well within a lease', async () => {
  const roots = await Promise.all(['a', 'b', 'c'].map((name) => startElector(name, 'a,b,c')))
  await complete(3)
  const first = await commonTerm(roots)
  const arbiter = roots.find((root) => {
    const [, id = 'nobody'] = /^joined (\S+)/.exec(root.stdout[0] ?? '') ?? []
    return root.stdout.findLast((line) => line.includes('rules'))?.startsWith(id)
  })
  if (arbiter === undefined) throw new Error('the arbiter is one of them')
  arbiter.kill('SIGTERM')
  const asked = performance.now()
  const others = roots.filter((root) => root !== arbiter)
  await eventually('the others have a later term', () => others.every((root) => (termSeenBy(root) ?? 0) > first))
  expect(performance.now() - asked).toBeLessThan(1_000)
  await arbiter.waitForExit()
})
