import { expect } from 'vitest'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Program } from '../../support/program.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Milliseconds that a program may take: enough for a machine that is busy with something else. */
const LIMIT = 55_000

/** Where the programs of one example run: one machine, or a host for each of them. */
export interface Stage {
  /** Starts a program of the example on a host, the first one being 0; whoever comes later finds those before. */
  start(example: string, args: readonly string[], host: number): Promise<Program>
  /** Loses a host with a program on it, which says goodbye to nobody. */
  lose(program: Program, host: number): void
}

async function expectExit(program: Program): Promise<void> {
  expect({ ...(await program.waitForExit(LIMIT)), stderr: program.stderr }).toEqual({
    code: 0,
    signal: null,
    stderr: [],
  })
}

/** Ends programs in order, as an operator does. */
async function leave(...programs: readonly Program[]): Promise<void> {
  for (const program of programs) program.kill('SIGTERM')
  for (const program of programs) expect((await program.waitForExit(LIMIT)).code).toBe(143)
}

/** Three hosts and a reader, whose counters run on them: what they count is what is there. */
export async function countWords(stage: Stage): Promise<void> {
  await using one = await stage.start('word-count', ['host'], 0)
  await using two = await stage.start('word-count', ['host'], 1)
  await using three = await stage.start('word-count', ['host'], 2)
  await using reader = await stage.start('word-count', ['LICENSE'], 0)
  await expectExit(reader)
  const words = readFileSync(`${root}LICENSE`, 'utf8')
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== '')
  const times = Map.groupBy(words, (word) => word)
  const most = [...times.values()].reduce((a, b) => (b.length > a.length ? b : a))
  expect(reader.stdout).toEqual([
    `${times.size} different words; '${most[0]}' is there ${most.length} times`,
    expect.stringMatching(/^3 hosts counted them, in \d+ parts$/),
  ])
  await leave(one, two, three)
}

/** Two who hear each other, and who is there. */
export async function chat(stage: Stage): Promise<void> {
  await using donny = await stage.start('chat', ['donny'], 0)
  await using gretchen = await stage.start('chat', ['gretchen'], 1)
  await donny.waitForLine('(gretchen is here)', LIMIT)
  await gretchen.waitForLine('(donny is here)', LIMIT)
  donny.type('have you ever seen a portal?')
  await gretchen.waitForLine('donny: have you ever seen a portal?', LIMIT)
  gretchen.kill('SIGINT')
  await donny.waitForLine('(gretchen has left)', LIMIT)
  donny.kill('SIGINT')
  for (const program of [donny, gretchen]) {
    expect(await program.waitForExit(LIMIT)).toEqual({ code: 130, signal: null })
    expect(program.stderr).toEqual([])
  }
  expect(donny.stdout).toEqual(['(gretchen is here)', 'donny: have you ever seen a portal?', '(gretchen has left)'])
}

/** Clients are served by both hosts, and go on with one when the other is lost. */
export async function visitGreeters(stage: Stage): Promise<void> {
  await using rex = await stage.start('greeters', ['rex'], 0)
  await using odeon = await stage.start('greeters', ['odeon'], 1)
  await using client = await stage.start('greeters', ['client', '--visits', '40'], 2)
  await client.waitForLine('this is rex', LIMIT)
  await client.waitForLine('this is odeon', LIMIT)
  stage.lose(rex, 0)
  await expectExit(client)
  expect(client.stdout.map((line) => line.replace(/(rex|odeon)$/, ''))).toEqual(
    Array.from({ length: 40 }, (_, i) => `${i + 1}. Hello guest, this is `),
  )
  expect(client.stdout.slice(-10).filter((line) => line.endsWith('rex'))).toEqual([])
  await leave(odeon)
}

/** The arbiter is lost while it hands out work: every job is done, and counts once. */
export async function queueJobs(stage: Stage): Promise<void> {
  await using arbiter = await stage.start('job-queue', ['worker'], 0)
  await arbiter.waitForLine('the desk is here, in term 1', LIMIT)
  await using worker = await stage.start('job-queue', ['worker'], 1)
  await using customer = await stage.start('job-queue', ['customer', '--jobs', '30'], 2)
  await customer.waitForLine(/^job 5:/, LIMIT)
  stage.lose(arbiter, 0)
  await expectExit(customer)
  const results = customer.stdout.filter((line) => line.startsWith('job ')).toSorted()
  expect(results).toEqual(Array.from({ length: 30 }, (_, i) => `job ${i + 1}: ${(i + 1) ** 2}`).toSorted())
  expect(customer.stdout.at(-1)).toMatch(/^30 jobs are done, each of them once, by 2 desks \(\d+ results refused\)$/)
  // the next arbiter is one of the other two
  expect([...worker.stdout, ...customer.stdout].join('\n')).toMatch(/^the desk is here, in term \d+$/m)
  await leave(worker)
}
