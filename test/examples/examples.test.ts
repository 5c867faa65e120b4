import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { chat, countWords, queueJobs, type Stage, visitGreeters } from './support/company.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** Milliseconds that a program may take: enough for a machine that is busy with something else. */
const LIMIT = 55_000
/** Any escape sequence of a terminal. */
// oxlint-disable-next-line no-control-regex
const ESCAPE = /\u001B/

async function start(name: string, env: Record<string, string> = {}, args: readonly string[] = []): Promise<Program> {
  return await startProgram(`examples/${name}.ts`, {
    cwd: root,
    args,
    env: { FORCE_COLOR: undefined, NO_COLOR: undefined, GREENROOM_MESH: undefined, DEBUG: undefined, ...env },
  })
}

const played = new Set<string>()
/** Those that say by their logs what they do. */
const LOGGING = new Set(['logging', 'observe'])

/** Plays an example to its end; it succeeds, and complains about nothing unless it is said to log. */
async function play(name: string, env: Record<string, string> = {}, args: readonly string[] = []): Promise<Program> {
  const program = await start(name, env, args)
  played.add(name)
  const exit = await program.waitForExit(LIMIT)
  const complaints = LOGGING.has(name) ? [] : program.stderr
  expect({ ...exit, complaints }).toEqual({ code: 0, signal: null, complaints: [] })
  return program
}

const runtime = useRuntimeDir()
expectNothingLeft()

describe('the examples', () => {
  test('two actors find each other by name and say hello', async () => {
    const { stdout } = await play('scene')
    expect(stdout).toEqual([
      'Alright... Action!',
      'Hi my name is donny',
      'Hi my name is gretchen',
      "CUTTTT CUUTT CUT!!! Donny!! You're supposed to say...",
    ])
  })

  test('a supervisor starts its worker again, and the portal leads to the new one', async () => {
    const { stdout } = await play('supervisor')
    expect(stdout).toEqual([
      'job 1 is done',
      'job 2 is done',
      'job 3 is lost',
      'job 4 is done',
      'job 5 is done',
      'job 6 is lost',
      'job 7 is done',
      'restarts: 2',
    ])
  })

  test('a call through three actors is one trace, with the starts of those actors', async () => {
    const { stdout } = await play('traces')
    expect(stdout).toEqual([
      'seat F12: 40 paid, 1040 in the vault',
      'an evening out',
      ...['box office', 'bank', 'vault'].flatMap((name) => [`  root -> ${name}: spawn`, `    ${name}: join`]),
      '  root -> box office: theatre#buy',
      '    box office: theatre#buy',
      '      box office -> bank: theatre#pay',
      '        bank: theatre#pay',
      '          bank -> vault: theatre#store',
      '            vault: theatre#store',
    ])
  })

  test('two instances of a web service stand behind one name, and each leaves in order', async () => {
    const instances = await Promise.all([start('service', {}, ['web']), start('service', {}, ['web'])])
    played.add('service')
    const urls = await Promise.all(
      instances.map(async (instance) => (await instance.waitForLine('listening on')).replace('listening on ', '')),
    )
    const get = async (url: string): Promise<Record<string, unknown>> =>
      (await (await fetch(url)).json()) as Record<string, unknown>
    for (const [i, url] of urls.entries()) for (let visit = 0; visit <= i; visit++) await get(url)
    for (const url of urls)
      await eventually('it hears of all visits', async () => {
        const { instances: counts } = await get(`${url}/visits`)
        return JSON.stringify((counts as number[]).toSorted((a, b) => a - b)) === '[1,2]'
      })
    expect(await get(`${urls[0]}/health`)).toMatchObject({ status: 'ok', instances: 2 })
    instances[1]?.kill('SIGTERM')
    expect(await instances[1]?.waitForExit(LIMIT)).toEqual({ code: 0, signal: null })
    await eventually('the other one goes on alone', async () => (await get(`${urls[0]}/health`))['instances'] === 1)
    expect(await get(`${urls[0]}/visits`)).toEqual({ instances: [1] })
    instances[0]?.kill('SIGINT')
    expect(await instances[0]?.waitForExit(LIMIT)).toEqual({ code: 0, signal: null })
    for (const { stderr } of instances) expect(stderr).toEqual([])
  })

  test('the linguist gives its value and ends', async () => {
    const { stdout } = await play('linguist')
    expect(stdout).toEqual(["Dang that's beautiful"])
  })

  test('a daemon answers twice and ends when it is cancelled', async () => {
    const { stdout } = await play('theatre')
    expect(stdout).toEqual(['have you ever seen a portal?', 'have you ever seen a portal?'])
  })

  test('an endless stream is cut when its time is over', async () => {
    // the time includes the start of a process, which takes long on a busy machine
    const ms = deadline(2_000)
    const { stdout } = await play('bubbles', {}, [String(ms)])
    expect(stdout.at(-1)).toBe(`${ms} ms are over`)
    expect(stdout.length).toBeGreaterThan(1)
    expect(new Set(stdout.slice(0, -1))).toEqual(new Set(['I can see these little future bubble things']))
  })

  test('the aggregator delivers 1,000 unique values from two streamers', async () => {
    const { stdout } = await play('aggregator')
    expect(stdout).toEqual([
      expect.stringMatching(/^STREAM TIME = \d+ ms$/),
      expect.stringMatching(/^STREAM \+ SPAWN TIME = \d+ ms$/),
      '1000 unique values',
    ])
  })

  test('the error of a failing actor is caught at the top', async () => {
    const { stdout } = await play('failing')
    expect(stdout).toEqual(['Look Maa that actor failed hard, hehhh!'])
  })

  test('a statespace goes in and changes stay there', async () => {
    const { stdout } = await play('statespace')
    expect(stdout).toEqual(['doggy over there: 11', 'doggy here: 10'])
  })

  test('the arbiter and an actor are found, and a name that nobody has is not', async () => {
    const { stdout } = await play('find')
    expect(stdout).toEqual([
      'director is the arbiter in term 1',
      expect.stringMatching(/^my_service runs in process \d+$/),
      'nobody is not there',
    ])
  })

  test('a mesh is seen from above: members, what was logged in which call, and an end by hand with its cause', async () => {
    const { stdout } = await play('observe')
    expect(stdout).toEqual([
      'foreman is up',
      'worker is up',
      'worker wrote: the paint is wet (greenroom/examples/observe#warn)',
      'foreman: kill worker, it paints the wrong wall',
      'worker is restarted',
    ])
  })

  test('caches are selected by tags, all of a group forget at once, and one that drains is passed over', async () => {
    const { stdout } = await play('caches')
    expect(stdout).toEqual([
      '2 of 3 caches are in Europe',
      'cache-eu: had forgotten it',
      'cache-eu: keeps 1 page',
      'cache-us: keeps 1 page',
      '2 caches go on serving',
    ])
  })

  test('a counter has one writer at a time, and refuses the one that was stopped and does not know yet', async () => {
    const { stdout } = await play('fenced-counter')
    expect(stdout).toEqual([
      'donny writes 1',
      'donny is stopped',
      'gretchen writes 2',
      'gretchen is killed',
      'elsa writes 3',
      'donny goes on: refused, a later writer was here',
      'and learns why: FENCED_OUT',
    ])
  })

  test('several tasks send over one context, each in its order', async () => {
    const { stdout } = await play('context')
    expect(stdout[0]).toBe('started with 3 sources')
    for (const source of ['news', 'weather', 'sports'])
      expect(stdout.filter((line) => line.startsWith(source))).toEqual([1, 2, 3].map((issue) => `${source} #${issue}`))
    expect(stdout).toHaveLength(10)
  })

  test('a remote step stands between two local ones of a pipe', async () => {
    const { stdout } = await play('pipe')
    expect(stdout).toEqual(['HAVE YOU EVER SEEN A PORTAL?'])
  })

  test('consumers of one stream count the same, and a slow one knows what it has lost', async () => {
    const { stdout } = await play('fan-out')
    expect(stdout).toEqual([
      'counted 100 frames',
      'counted 100 frames',
      expect.stringMatching(/^showed or missed 100 frames, and (knows|does not know) of lost ones$/),
    ])
  })

  test('log lines come from the parent and from the child', async () => {
    const { stderr } = await play('logging')
    const log = stderr.join('\n')
    expect(log).toMatch(/INFO +root \(\w{8}\) console: a line from the parent/)
    expect(log).toMatch(/TRACE child \(\w{8}\) actor \[\w{8}-\d+\]: a line from the child/)
    expect(log).toMatch(/TRACE root \(\w{8}\) console: the child has whispered/)
  })

  test('a program that is alone starts a second one and they meet', async () => {
    const { stdout } = await play('standalone')
    expect(stdout[0]).toBe('Nobody here yet: I start a host')
    expect(stdout).toContain('Welcome guest, my name is host and I am another program')
  })

  test('a program joins the mesh of one that is running', async () => {
    const mesh = { cwd: root, env: { GREENROOM_MESH: undefined } }
    await using host = await startProgram('examples/standalone.ts', { ...mesh, args: ['company', 'host'] })
    await host.waitForLine('host is waiting', LIMIT)
    const guest = await startProgram('examples/standalone.ts', { ...mesh, args: ['company'] })
    expect(await guest.waitForExit(LIMIT)).toEqual({ code: 0, signal: null })
    expect(guest.stdout).toEqual(['Welcome guest, my name is host and I am another program'])
    host.kill('SIGTERM')
    expect(await host.waitForExit(LIMIT)).toEqual({ code: 143, signal: null })
  })
})

describe('the examples across hosts, on one machine,', () => {
  const stage: Stage = {
    start: async (example, args) => {
      played.add(example)
      return await start(example, {}, args)
    },
    lose: (program) => program.kill('SIGKILL'),
  }

  test('count words in three programs', async () => await countWords(stage))
  test('chat', async () => await chat(stage))
  test('go on with one instance of a service when the other is killed', async () => await visitGreeters(stage))
  test('lose no job with the arbiter that hands them out', async () => await queueJobs(stage))
})

describe('the premiere', () => {
  test('plays under a pipe in plain lines and leaves nothing', async () => {
    const { stdout } = await play('premiere', { TMPDIR: runtime.path })
    expect(readdirSync(runtime.path)).toEqual([])
    const text = stdout.join('\n')
    expect(text).not.toMatch(ESCAPE)
    for (const line of [
      /^ {3}rex +Nobody else is here, so I am the arbiter, in term 1\.$/m,
      /^ {3}odeon +I found rex\. The arbiter is rex, in term 1\.$/m,
      /^ {3}lyric +I found rex and odeon\. The arbiter is rex, in term 1\.$/m,
      /^ {3}gretchen +\(to donny\) +Hi my name is gretchen$/m,
      /^ {3}donny +\(to gretchen\) +Hi my name is donny$/m,
      /^ {3}aggregator +I delivered 1,000 unique values\.$/m,
      /^ {3}narrator +I heard the same: (odeon|lyric), term \d+, [\d.]+ s after the kill\.$/m,
      /^ {3}frank +28 days, 6 hours, 42 minutes, 12 seconds are over! \(RangeError\)$/m,
      /^That was it, in [\d.]+ s$/m,
    ])
      expect(text).toMatch(line)
    expect(stdout.at(-1)?.trim()).toBe('Of all the processes that were started, none is left.')
  })

  test('has no escape codes under a pipe even where colours are forced', async () => {
    const program = await start('premiere', { FORCE_COLOR: '3', TMPDIR: runtime.path })
    await program.waitForLine('1. Three programs', LIMIT)
    program.kill('SIGINT')
    await program.waitForExit(LIMIT)
    expect(program.stdout.join('\n')).not.toMatch(ESCAPE)
  })

  test.each([
    ['programs start', /rex +Nobody else/, 'SIGINT', 130],
    ['actors start', 'odeon starts an actor', 'SIGINT', 130],
    ['values stream', 'merges the two streams', 'SIGINT', 130],
    ['the arbiter dies', 'it cannot say goodbye', 'SIGTERM', 143],
    ['siblings wait', 'the error arrives where', 'SIGINT', 130],
  ] as const)('is stopped while %s and leaves nothing', async (_, line, signal, code) => {
    const program = await start('premiere', { TMPDIR: runtime.path })
    await program.waitForLine(line, LIMIT)
    program.kill(signal)
    expect(await program.waitForExit(LIMIT)).toEqual({ code, signal: null })
    expect(program.stdout.at(-1)).toBe('Cut!')
    expect(readdirSync(runtime.path)).toEqual([])
  })

  test('fails and leaves nothing when a program that it needs dies', async () => {
    const processes = watchProcesses()
    const program = await start('premiere', { TMPDIR: runtime.path })
    await program.waitForLine('merges the two streams', LIMIT)
    const lyric = processes.list().find(({ command }) => command.includes('house.ts lyric'))
    if (lyric === undefined) throw new Error('lyric is not running')
    process.kill(lyric.pid, 'SIGKILL')
    expect(await program.waitForExit(LIMIT)).toEqual({ code: 1, signal: null })
    expect(program.stderr.join('\n')).toContain("the program 'lyric' ended by itself (SIGKILL)")
    expect(readdirSync(runtime.path)).toEqual([])
  })

  test('leaves no process when it is killed with SIGKILL', async () => {
    const temporary = mkdtempSync(join(tmpdir(), 'greenroom-examples-'))
    onTestFinished(() => rmSync(temporary, { recursive: true, force: true }))
    const program = await start('premiere', { TMPDIR: temporary })
    await program.waitForLine('Each looks the other one up', LIMIT)
    program.kill('SIGKILL')
    expect(await program.waitForExit(LIMIT)).toEqual({ code: null, signal: 'SIGKILL' })
  })
})

test('each example has been played by now', () => {
  const files = readdirSync(`${root}examples`).filter((file) => file.endsWith('.ts'))
  expect(files.map((file) => file.replace('.ts', '')).sort()).toEqual([...played].sort())
})
