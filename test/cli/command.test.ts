import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { greenroom, startGreenroom } from './support/greenroom.ts'
import { openTerminal } from './support/terminal.ts'
import { startTroupe, type Troupe } from './support/troupe.ts'

const TREES = [
  ['theatre', 'frank', 'gretchen'],
  ['opera', 'tenor', 'gretchen', 'chorus'],
  ['circus', 'clown', 'lion'],
]

let troupe: Troupe
const mesh = ['--mesh', 'shown'] as const
beforeAll(async () => {
  troupe = await startTroupe('shown', TREES)
})
afterAll(async () => {
  await troupe[Symbol.asyncDispose]()
})

interface Named {
  readonly name: string
  readonly id: string
}

async function json<T>(...args: string[]): Promise<T> {
  const { stdout, stderr, code } = await greenroom(...args, '--json', ...mesh)
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout) as T
}

describe('greenroom members', () => {
  test('shows the roots with their health, round trip, version and tags; one of them is the arbiter', async () => {
    const { stdout, code } = await greenroom('members', ...mesh)
    const [head = '', ...rows] = stdout.split('\n')
    expect(head).toMatch(/NAME +ID +HEALTH +RTT +UP +ACTORS +VERSION +TAGS +ADDRESS/)
    expect(rows.map((row) => /\w+/.exec(row)?.[0] ?? '').toSorted()).toEqual(['circus', 'opera', 'theatre'])
    for (const row of rows)
      expect(row).toMatch(
        /^[* ] \w+ +\w{8} +up +[\d.]+ (ms|µs) +[\d.]+ m?s +[34] +1\.2\.3 +root +\/ip4\/127\.0\.0\.1\/tcp\/\d+$/,
      )
    expect(rows.filter((row) => row.startsWith('*'))).toHaveLength(1)
    expect(code).toBe(0)
  })

  test('says the same in JSON', async () => {
    const members = await json<(Named & Record<string, unknown>)[]>('members')
    expect(members.map(({ name }) => name).sort()).toEqual(['circus', 'opera', 'theatre'])
    const { id, ...opera } = members.find(({ name }) => name === 'opera')!
    expect(id).toMatch(/^12D3KooW\w+$/)
    expect(opera).toEqual({
      name: 'opera',
      health: 'up',
      silent: null,
      arbiter: expect.any(Boolean) as boolean,
      rttMs: expect.any(Number) as number,
      version: '1.2.3',
      tags: ['root'],
      groups: [],
      actors: 4,
      startedAt: expect.any(Number) as number,
      addresses: expect.arrayContaining([expect.stringContaining('/ip4/127.0.0.1/tcp/')]) as string[],
    })
  })
})

describe('greenroom actors', () => {
  test('shows each actor below its parent, itself left out', async () => {
    const { stdout, code } = await greenroom('actors', ...mesh)
    const lines = stdout.split('\n').map((line) => line.slice(2).replace(/ \(\w{8}\).*$/, ''))
    expect(lines.toSorted()).toEqual(
      TREES.flatMap(([root = '', ...below]) => [root, ...below.map((name) => `  ${name}`)]).toSorted(),
    )
    expect(lines.slice(lines.indexOf('opera'), lines.indexOf('opera') + 4)).toEqual([
      'opera',
      '  tenor',
      '  gretchen',
      '  chorus',
    ])
    expect(code).toBe(0)
  })

  test('--where selects by tag, name and root, all of which have to hold', async () => {
    const names = async (where: string): Promise<string[]> =>
      (await json<Named[]>('actors', '--where', where)).map(({ name }) => name).sort()
    expect(await names('tag=of=circus')).toEqual(['clown', 'lion'])
    expect(await names('name=*n,tag=of=circus')).toEqual(['clown', 'lion'])
    expect(await names('root=opera,name=t*')).toEqual(['tenor'])
  })
})

describe('greenroom arbiter', () => {
  test('names who rules, in which term, and who elects', async () => {
    const report = await json<{
      since: number
      history: { since: number }[]
      arbiter: Named & { term: number }
      election: { committee: Named[] }
    }>('arbiter')
    expect(TREES.map(([root]) => root)).toContain(report.arbiter.name)
    expect(report.arbiter.term).toBeGreaterThan(0)
    expect(report.election.committee.map(({ id }) => id)).toContain(report.arbiter.id)
    expect(report.since).toBeGreaterThan(Date.now() - 120_000)
    expect(report.history.every(({ since }) => since <= report.since)).toBe(true)
    const { stdout } = await greenroom('arbiter', ...mesh)
    expect(stdout).toContain(
      `${report.arbiter.name} (${report.arbiter.id.slice(-8)}) rules in term ${report.arbiter.term}`,
    )
  })
})

describe('greenroom call', () => {
  test('prints a value as it is, and in JSON those that JSON has no words for', async () => {
    expect(await greenroom('call', 'tenor', 'troupe#hi', ...mesh)).toEqual({
      code: 0,
      stdout: 'Hi my name is tenor',
      stderr: '',
    })
    expect(await json('call', 'tenor', 'troupe#add', '1', '2', '39')).toBe(42)
    expect(await json('call', 'tenor', 'troupe#exotic')).toEqual({
      big: '12',
      at: '1970-01-01T00:00:00.000Z',
      set: [1],
      map: [['a', 1]],
      bytes: 'AQI=',
    })
  })

  test('tells who raised what, with an exit code of its own', async () => {
    const { stdout, stderr, code } = await greenroom('call', 'lion', 'troupe#fail', '"no"', '--json', ...mesh)
    expect({ stdout, code }).toEqual({ stdout: '', code: 5 })
    expect(JSON.parse(stderr)).toMatchObject({
      error: {
        code: 'REMOTE_ACTOR_ERROR',
        exitCode: 5,
        details: { origin: { name: 'lion' }, cause: { name: 'RangeError', message: 'no', code: 'TOO_FAR' } },
      },
    })
  })

  test('says which functions there are, and which kind a function is, before anything runs', async () => {
    const unknown = await greenroom('call', 'tenor', 'troupe#dance', ...mesh)
    expect(unknown).toMatchObject({ code: 4, stderr: expect.stringContaining('troupe#count (a stream)') as string })
    const other = await greenroom('stream', 'tenor', 'troupe#hi', ...mesh)
    expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("use 'greenroom call'") as string })
  })

  test('lists the candidates when a name means several, and takes the end of an id', async () => {
    const { stderr, code } = await greenroom('call', 'gretchen', 'troupe#hi', ...mesh)
    expect(code).toBe(4)
    const ids = [...stderr.matchAll(/^ {2}gretchen {2}(\w+)$/gm)].map(([, id]) => id!)
    expect(ids).toHaveLength(2)
    expect((await greenroom('call', ids[0]!.slice(-8), 'troupe#hi', ...mesh)).stdout).toBe('Hi my name is gretchen')
  })

  test('cancels in the actor what Ctrl-C ends here', async () => {
    const run = await startGreenroom('call', 'clown', 'troupe#dawdle', ...mesh)
    const state = async (): Promise<string> => await json('call', 'clown', 'troupe#howItEnded')
    await eventually('the call has arrived', async () => (await state()) === 'somebody waits', 20_000)
    run.kill('SIGINT')
    expect((await run.waitForExit()).code).toBe(130)
    expect(await state()).toBe('the caller left')
  })
})

describe('greenroom stream', () => {
  test('prints items as lines, and leaves after --first', async () => {
    expect(await greenroom('stream', 'lion', 'troupe#count', '3', ...mesh)).toMatchObject({
      code: 0,
      stdout: '1\n2\n3',
    })
    expect(
      await greenroom('stream', 'lion', 'troupe#count', '100000', '--first', '4', '--json', ...mesh),
    ).toMatchObject({
      code: 0,
      stdout: '1\n2\n3\n4',
    })
    expect(await json('call', 'lion', 'troupe#howItEnded')).toBe('the consumer left')
  })

  test('Ctrl-C cancels it in the actor', async () => {
    const run = await startGreenroom('stream', 'lion', 'troupe#count', '100000', ...mesh)
    await run.waitForLine(/^5$/)
    run.kill('SIGINT')
    expect((await run.waitForExit()).code).toBe(130)
    expect(await json('call', 'lion', 'troupe#howItEnded')).toBe('the consumer left')
  })
})

describe('greenroom describe, ping and rtt', () => {
  test('describe shows what an actor serves and counts', async () => {
    const report = await json<Named & { functions: { id: string }[]; parent: Named }>('describe', 'chorus')
    expect(report).toMatchObject({
      name: 'chorus',
      status: 'up',
      parent: { name: 'opera' },
      tags: ['of=opera'],
      modules: ['troupe'],
    })
    expect(report.functions.map(({ id }) => id)).toContain('troupe#hi')
    expect((await greenroom('describe', 'chorus', ...mesh)).stdout).toMatch(/^troupe#count +stream +0 /m)
  })

  test('describe tells how an actor is, and of its open streams with their credit', async () => {
    const follower = await startGreenroom('stream', 'lion', 'troupe#count', '100000', ...mesh)
    await follower.waitForLine(/^5$/)
    const { vitals } = await json<{
      vitals: { memory: object; cpu: object; eventLoop: object; streams: { functionId: string; credit: object }[] }
    }>('describe', 'lion')
    const some = expect.any(Number) as number
    expect(vitals).toMatchObject({
      pid: some,
      host: hostname(),
      startMethod: 'thread',
      memory: { rssBytes: some, heapUsedBytes: some },
      cpu: { share: some },
      eventLoop: { utilization: some, delayMs: { p50: some, p99: some, max: some } },
    })
    const counting = vitals.streams.find(({ functionId }) => functionId === 'greenroom#stream')
    expect(counting).toMatchObject({ role: 'callee', itemsSent: some, credit: { items: some, bytes: some }, queued: 0 })
    const { stdout } = await greenroom('describe', 'lion', ...mesh)
    expect(stdout).toMatch(/^ {2}processor +\d+ %, event loop busy \d+ %$/m)
    expect(stdout).toMatch(/^ {2}timers late +half of them [\d.]+ (µs|ms), the latest [\d.]+ (µs|ms)$/m)
    expect(stdout).toMatch(/^ {2}memory +\d+ MiB of the process, heap /m)
    expect(stdout).toMatch(/^greenroom#stream +serves +\w+ +\d+ +0 +\d+, [\d.]+ [KM]iB +0 /m)
    follower.kill('SIGINT')
    await follower.waitForExit()
  })

  test('ping and rtt count who answers', async () => {
    expect(await json('ping', 'chorus', '--count', '3', '--interval', '1ms')).toMatchObject({
      name: 'chorus',
      sent: 3,
      answered: 3,
      silent: null,
    })
    const trips = await json<{ name: string; answered: number }[]>('rtt', '--count', '2')
    expect(trips.map(({ name, answered }) => `${name} ${answered}`).sort()).toEqual([
      'circus 2',
      'opera 2',
      'theatre 2',
    ])
  })
})

describe('greenroom tree and top', () => {
  test('tree shows what runs below each root', async () => {
    const { trees, silent } = await json<{
      trees: { name: string; nurseries: { children: Named[] }[] }[]
      silent: unknown[]
    }>('tree')
    expect(silent).toEqual([])
    const shown = trees.map(({ name, nurseries }) => [
      name,
      ...nurseries.flatMap(({ children }) => children.map((child) => child.name)),
    ])
    expect(shown.map((one) => one.join(' ')).toSorted()).toEqual(TREES.map((one) => one.join(' ')).toSorted())
    const { stdout } = await greenroom('tree', 'opera', ...mesh)
    expect(stdout).toMatch(/^opera \(…\w{8}, process \d+, up for /)
    expect(stdout).toMatch(/actor tenor \(…\w{8}, thread of process \d+\)/)
  })

  test('top shows as many as are asked for, the busiest first', async () => {
    const reports = await json<{ name: string; cpuShare: number; overMs: number }[]>(
      'top',
      '--sort',
      'cpu',
      '--limit',
      '4',
      '--interval',
      '100ms',
    )
    expect(reports).toHaveLength(4)
    expect(reports.map(({ cpuShare }) => cpuShare)).toEqual(
      reports.map(({ cpuShare }) => cpuShare).toSorted((a, b) => b - a),
    )
    for (const { overMs } of reports) expect(overMs).toBeGreaterThan(0)
  })
})

describe('greenroom logs, level, events, cancel and kill', () => {
  interface Said {
    readonly type: string
    readonly act?: string
    readonly by?: { readonly name: string; readonly observer: boolean }
    readonly target?: Named
    readonly child?: Named
    readonly why?: string
    readonly what?: string
  }
  const lines = <T>(text: string): T[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  const happened = async (...args: string[]): Promise<Said[]> => {
    const { stdout, code } = await greenroom('events', ...args, '--json', ...mesh)
    expect(code).toBe(0)
    return lines(stdout)
  }

  test('logs shows what actors wrote, and follows what they write', async () => {
    await greenroom('call', 'lion', 'troupe#mutter', '"roar\\u001b[2J"', ...mesh)
    const { stdout } = await greenroom('logs', 'lion', '--level', 'warn', ...mesh)
    expect(stdout).toMatch(/ WARN {2}lion \(\w{8}\) actor \[\w+[^\]]*\]: roar\\x1b\[2J$/m)
    const follower = await startGreenroom('logs', 'clown', '--follow', '--recent', '0', '--json', ...mesh)
    await eventually(
      'a line has come',
      async () => {
        await greenroom('call', 'clown', 'troupe#mutter', '"honk"', ...mesh)
        return follower.stdout.length > 0
      },
      20_000,
    )
    expect(JSON.parse(follower.stdout[0]!)).toMatchObject({ level: 'warn', actor: { name: 'clown' }, text: 'honk' })
    follower.kill('SIGINT')
    expect((await follower.waitForExit()).code).toBe(130)
  })

  test('level changes from which level on an actor writes', async () => {
    expect(await json('level', 'debug', 'clown', '--for', '1m')).toMatchObject([
      { name: 'clown', level: 'debug', silent: null },
    ])
    expect((await json<{ silent: null }[]>('level', 'warn')).map(({ silent }) => silent)).toEqual([null, null, null])
  })

  test('kill ends an actor, names who did so in its events, and its parent restarts it with that reason', async () => {
    const follower = await startGreenroom('events', '--follow', '--json', ...mesh)
    expect(await json('kill', 'chorus', '--reason', 'off key')).toMatchObject({
      name: 'chorus',
      act: 'kill',
      reason: 'off key',
    })
    await follower.waitForLine(/"restarting".*"chorus"|"chorus".*"restarting"/)
    follower.kill('SIGINT')
    await follower.waitForExit()
    const past = await happened('opera')
    expect(past.find(({ act }) => act === 'kill')).toMatchObject({
      by: { observer: true },
      target: { name: 'chorus' },
      why: 'off key',
    })
    expect(past.find(({ type }) => type === 'restarting')).toMatchObject({
      child: { name: 'chorus' },
      why: expect.stringContaining('off key') as string,
    })
    await eventually(
      'it is up again',
      async () => (await greenroom('call', 'chorus', 'troupe#hi', ...mesh)).code === 0,
      20_000,
    )
    expect((await greenroom('tree', 'opera', ...mesh)).stdout).toMatch(
      /actor chorus .*: 1 restart, the last one [\d.]+ s ago \(.*off key/,
    )
  })

  test('cancel asks an actor to end; a call is an act that names who made it', async () => {
    expect((await greenroom('cancel', 'frank', ...mesh)).stdout).toMatch(/^frank \(\w{8}\) was asked to end$/)
    await greenroom('call', 'tenor', 'troupe#hi', ...mesh)
    const acts = await happened('--type', 'act')
    expect(acts.every(({ type }) => type === 'act')).toBe(true)
    expect(acts.find(({ act, target }) => act === 'call' && target?.name === 'tenor')).toMatchObject({
      what: 'troupe#hi',
      by: { observer: true },
    })
    expect((await greenroom('cancel', 'nobody', ...mesh)).code).toBe(4)
  })
})

describe('docs/cli.md', () => {
  /** Fields, and theirs, that one of two values has and the other one lacks; of a list those of its first item, when both have one. */
  const differences = (a: unknown, b: unknown, at = ''): string[] => {
    if (Array.isArray(a) && Array.isArray(b))
      return a.length === 0 || b.length === 0 ? [] : differences(a[0], b[0], `${at}[]`)
    const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
    if (!isObject(a) || !isObject(b)) return isObject(a) === isObject(b) ? [] : [at]
    const names = new Set([...Object.keys(a), ...Object.keys(b)])
    return [...names].flatMap((name) =>
      Object.hasOwn(a, name) && Object.hasOwn(b, name)
        ? differences(a[name], b[name], `${at}.${name}`)
        : [`${at}.${name}`],
    )
  }
  const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

  test.each([
    ['actors --where name=tenor'],
    ['top --limit 1'],
    ['arbiter'],
    ['ping tenor'],
    ['rtt clown'],
    ['level debug lion --for 5m'],
  ])('shows the shape that greenroom %s --json prints', async (typed) => {
    const begin = `$ greenroom ${typed} --json\n`
    const at = page.indexOf(begin)
    expect(at).toBeGreaterThan(0)
    const shown = JSON.parse(page.slice(at + begin.length, page.indexOf('```', at))) as unknown
    expect(differences(await json(...typed.split(' ')), shown)).toEqual([])
  })
})

describe('in a terminal', () => {
  test.each([
    [80, 24],
    [200, 50],
  ])(
    'of %i × %i greenroom top --follow shows the actors anew, within its width, until Ctrl-C',
    async (columns, rows) => {
      using terminal = openTerminal(troupe.path, columns, rows, ['top', '--follow', '--interval', '200ms', ...mesh])
      const shown = await eventually(
        'all actors are shown',
        () => {
          const screen = terminal.screen().map((line) => line.trimEnd())
          const all = TREES.flat().every((name) => screen.some((line) => line.startsWith(`${name} `)))
          return all ? screen.filter((line) => line !== '') : undefined
        },
        20_000,
      )
      expect(shown?.[0]).toMatch(/^NAME +ID +ROOT +SERVED\/S/)
      expect(shown).toHaveLength(1 + TREES.flat().length)
      expect(shown?.[0]?.includes('LOOP LATE')).toBe(columns === 200)
      terminal.press('C-c')
      await eventually(
        'it has ended',
        () => terminal.screen().some((line) => line.includes('it ended with 130')),
        10_000,
      )
    },
  )
})

describe('a root that is frozen', () => {
  test('is silent among members, and keeps nobody from being shown', async () => {
    const circus = troupe.roots.get('circus')!
    circus.kill('SIGSTOP')
    try {
      const { stdout, code } = await greenroom('members', '--json', '--timeout', '500ms', ...mesh)
      const members = JSON.parse(stdout) as { name: string; health: string; silent: string | null }[]
      expect(
        members
          .filter(({ health }) => health === 'up')
          .map(({ name }) => name)
          .sort(),
      ).toEqual(['opera', 'theatre'])
      expect(code).toBe(0)
    } finally {
      circus.kill('SIGCONT')
    }
  })
})

describe('greenroom without a mesh', () => {
  test('says that nobody is there, and what to do, with an exit code of its own', async () => {
    const { stderr, code } = await greenroom('actors', '--mesh', 'empty', '--json')
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'NOBODY_THERE', exitCode: 3, details: { mesh: 'empty' } },
    })
    expect(stderr).toContain('greenroom up --mesh empty')
    expect(code).toBe(3)
  })

  test('names what is wrong with a mesh name', async () => {
    const { stderr, code } = await greenroom('actors', '--mesh', '../etc')
    expect(stderr).toContain("'../etc'")
    expect(code).toBe(2)
  })

  test.each([
    [[]],
    [['dance']],
    [['actors', 'twice']],
    [['--unknown']],
    [['members', '--mesh', 'a', '--context', 'b']],
    [['actors', '--where', 'colour=red']],
    [['call', 'tenor', 'troupe#hi', 'no-json']],
    [['ping', 'tenor', '--count', '0']],
    [['members', '--context', 'unknown']],
  ])('wrong usage %j exits with 2', async (args) => {
    const { stderr, code } = await greenroom(...args)
    expect(stderr).not.toBe('')
    expect(code).toBe(2)
  })
})
