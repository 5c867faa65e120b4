import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { KeptVotes } from '../../discovery/core/quorum.ts'
import { MAX_VOTE_FILE_BYTES, openVoteFile, type VoteFile } from '../../discovery/vote-file.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtimeDir = useRuntimeDir()
expectNothingLeft()

const votes: KeptVotes = { roll: ['a', 'b', 'c'], settled: true, term: 7, candidate: { peerId: 'b', inc: 5 } }

const openFor = async (name: string): Promise<VoteFile> =>
  await openVoteFile({ mesh: 'demo', name, stateDir: join(runtimeDir.path, 'state') })

/** Writes votes and closes the file; gives its path. */
async function keptFor(name: string): Promise<string> {
  const file = await openFor(name)
  await file.write(votes)
  await file.close()
  return file.path
}

describe('a vote file', () => {
  test('gives back what was written, to the next process of that elector alone', async () => {
    const first = await openFor('a')
    expect(first.votes).toBeUndefined()
    await first.write({ ...votes, term: 6 })
    await first.write(votes)
    await first.close()
    const [again, other] = [await openFor('a'), await openFor('b')]
    expect(again.votes).toEqual(votes)
    expect(other.votes).toBeUndefined()
    await again.close()
    await other.close()
  })

  test('is private, and alone in its directory when it is closed', async () => {
    const path = await keptFor('a')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
    expect(readdirSync(dirname(path))).toEqual([path.slice(dirname(path).length + 1)])
  })

  test('belongs to one process at a time', async () => {
    const first = await openFor('a')
    const refused = (await failureOf(openFor('a'))) as Error
    expect(refused).toMatchObject({ code: 'VOTES_IN_USE' })
    expect(refused.message).toContain(`process ${process.pid} is elector 'a' of mesh 'demo' already`)
    await first.close()
    await (await openFor('a')).close()
  })

  test('belongs to no process that was killed', async () => {
    const program = new URL('./support/elector-program.ts', import.meta.url)
    const holder = await startProgram(program, { args: [join(runtimeDir.path, 'state'), 'demo', 'a'] })
    await holder.waitForLine('kept')
    expect(await failureOf(openFor('a'))).toMatchObject({ code: 'VOTES_IN_USE' })
    holder.kill('SIGKILL')
    await holder.waitForExit()
    const file = await openFor('a')
    expect(file.votes?.term).toBe(3)
    await file.close()
  })

  test('writes no more once its lock was taken away', async () => {
    const file = await openFor('a')
    writeFileSync(file.path.replace(/json$/, 'lock'), JSON.stringify({ pid: 1, startedAt: '1' }))
    expect(await failureOf(file.write(votes))).toMatchObject({ code: 'VOTES_IN_USE' })
    await file.close()
  })

  test('does not keep what a write under way left behind', async () => {
    const path = await keptFor('a')
    writeFileSync(join(dirname(path), '.1999999-1-00ff'), 'half of a vote')
    const file = await openFor('a')
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('.'))).toEqual([])
    await file.close()
  })

  const damages: [string, (path: string) => void][] = [
    ['is cut', (path) => truncateSync(path, 40)],
    ['is empty', (path) => truncateSync(path, 0)],
    ['has one other digit', (path) => writeFileSync(path, readFileSync(path, 'utf8').replace('"term":7', '"term":6'))],
    ['has more at its end', (path) => writeFileSync(path, `${readFileSync(path, 'utf8')}more`)],
  ]
  test.each(damages)('that %s is refused with what to do, and stays as it is', async (_, damage) => {
    const path = await keptFor('a')
    damage(path)
    const before = readFileSync(path)
    const refused = (await failureOf(openFor('a'))) as Error
    expect(refused).toMatchObject({ code: 'VOTES_CORRUPT' })
    expect(refused.message).toContain(`delete ${path}`)
    expect(readFileSync(path)).toEqual(before)
    // and the lock is free again
    expect(await failureOf(openFor('a'))).toMatchObject({ code: 'VOTES_CORRUPT' })
  })

  test('that is too large, or no file, cannot be used', async () => {
    const path = await keptFor('a')
    writeFileSync(path, Buffer.alloc(MAX_VOTE_FILE_BYTES + 1))
    expect(await failureOf(openFor('a'))).toMatchObject({ code: 'VOTES_UNUSABLE' })
    mkdirSync((await openFor('b').then(async (file) => (await file.close(), file))).path)
    expect(await failureOf(openFor('b'))).toMatchObject({ code: 'VOTES_UNUSABLE' })
  })
})
