import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type MemberSnapshot, type MeshObserver, observeMesh, readVitals } from '../../index.ts'
import { eventually } from '../support/eventually.ts'
import { makeRuntimeDir } from '../support/runtime-dir.ts'
import { greenroom } from './support/greenroom.ts'
import { openTerminal, type Terminal } from './support/terminal.ts'
import { startTroupe, type Troupe } from './support/troupe.ts'

const MESH = 'watched'
const TREES = [
  ['theatre', 'frank', 'gretchen', 'hamlet'],
  ['opera', 'tenor', 'soprano', 'chorus', 'bass'],
  ['circus', 'clown', 'lion', 'juggler'],
]
const EVERYBODY = TREES.flat()

/** Waits until a screen is as it should be, and gives it. */
async function shows(terminal: Terminal, what: string, holds: RegExp | ((screen: string) => boolean)): Promise<string> {
  return await eventually(
    what,
    () => {
      const screen = terminal.screen().join('\n')
      if (!(typeof holds === 'function' ? holds(screen) : holds.test(screen))) throw new Error(screen)
      return screen
    },
    5_000,
  )
}

/** The row of an actor in the tree, or in the list. */
function lineOf(screen: string, name: string): string {
  return screen.split('\n').find((line) => new RegExp(`^[> ] +(└ )?\\*?${name} `).test(line)) ?? ''
}

/** What the columns of an actor's row say that tell how often it is called and how often that fails. */
function numbersOf(screen: string, name: string): { readonly served: number; readonly failed: number } {
  const [, served, failed] = new RegExp(`${name} +\\w+ +(\\S+) +(\\S+)`).exec(lineOf(screen, name)) ?? []
  return { served: Number(served), failed: Number(failed) }
}

/** The terminal is as it was before the command took it. */
async function expectGivenBack(terminal: Terminal, code: number): Promise<string> {
  const screen = await shows(terminal, 'the shell is back', (text) => text.includes(`it ended with ${code}`))
  await shows(terminal, 'what is typed is edited and echoed by lines', /^echo icanon$/m)
  expect(terminal.ask('#{cursor_flag} #{alternate_on}')).toBe('1 0')
  return screen
}

describe('greenroom watch on a mesh of three roots with ten actors', () => {
  let troupe: Troupe
  let mesh: MeshObserver
  let narrow: Terminal
  let wide: Terminal
  let traffic: Promise<void>
  let isOver = false
  let calls = 0
  const watch = (columns: number, rows: number, env: Readonly<Record<string, string>> = {}): Terminal =>
    openTerminal(troupe.path, columns, rows, ['watch', '--mesh', MESH, '--interval', '250ms'], env)
  const memberOf = async (name: string): Promise<MemberSnapshot> =>
    (await mesh.members()).find((one) => one.name === name)!
  const call = async (name: string, functionId: string, ...args: unknown[]): Promise<unknown> =>
    await mesh.portal(await memberOf(name)).invoke(functionId, args)

  beforeAll(async () => {
    troupe = await startTroupe(MESH, TREES)
    mesh = await observeMesh({ mesh: MESH })
    const [tenor, lion] = [mesh.portal(await memberOf('tenor')), mesh.portal(await memberOf('lion'))]
    traffic = (async () => {
      for (; !isOver; calls++) {
        await Promise.allSettled([tenor.invoke('troupe#hi', []), lion.invoke('troupe#fail', ['no'])])
        await delay(10 + (calls % 50))
      }
    })()
    narrow = watch(80, 24)
    wide = watch(200, 50, { NO_COLOR: '1' })
  })

  /** The screen of the narrow terminal as it was at the start. */
  const atTree = async (): Promise<void> => {
    for (const key of ['Escape', 'Escape', 'Escape', '1']) narrow.press(key)
    await shows(narrow, 'the tree of all is there', (text) => {
      return (
        text.includes('[1 mesh]') && !/ \/\w/.test(text) && lineOf(text, 'tenor') !== '' && lineOf(text, 'lion') !== ''
      )
    })
  }
  /** Chooses an actor below a root. */
  const choose = async (name: string): Promise<void> => {
    await atTree()
    narrow.press('/', ...Array.from(name), 'Enter')
    await shows(narrow, 'it is alone with its root', (text) => text.includes(` /${name}`) && lineOf(text, name) !== '')
    narrow.press('Down')
    await shows(narrow, 'it is chosen', (text) => lineOf(text, name).startsWith('>'))
  }

  afterAll(async () => {
    isOver = true
    await traffic
    await mesh.leave()
    narrow[Symbol.dispose]()
    wide[Symbol.dispose]()
    await troupe[Symbol.asyncDispose]()
  })

  test.each([
    ['80 × 24', () => narrow, 80],
    ['200 × 50, without colour', () => wide, 200],
  ] as const)(
    'in %s shows every actor with its health below its root, the arbiter, and numbers that move',
    async (_size, of, columns) => {
      const terminal = of()
      const screen = await shows(terminal, 'all are up', (text) =>
        EVERYBODY.every((name) => / (up|late|unsure) /.test(lineOf(text, name))),
      )
      expect(screen).toMatch(/watched {2}3 roots, 13 actors {2}arbiter (theatre|opera|circus), term \d+/)
      expect(screen.split('\n').every((line) => line.length <= columns)).toBe(true)
      const order = EVERYBODY.toSorted((a, b) => screen.indexOf(lineOf(screen, a)) - screen.indexOf(lineOf(screen, b)))
      for (const [root = '', ...below] of TREES)
        expect(
          order
            .slice(order.indexOf(root) + 1)
            .slice(0, below.length)
            .toSorted(),
        ).toEqual(below.toSorted())
      const before = await shows(terminal, 'calls are counted, and failures', (text) => {
        return numbersOf(text, 'tenor').served > 0 && numbersOf(text, 'lion').failed > 0
      })
      await shows(
        terminal,
        'they move',
        (text) => numbersOf(text, 'tenor').served !== numbersOf(before, 'tenor').served,
      )
      await shows(terminal, 'who is not called is told apart', (text) => numbersOf(text, 'bass').served === 0)
    },
  )

  test('is painted in colours, or with NO_COLOR without any', async () => {
    const coloured = new RegExp(`${String.fromCharCode(27)}\\[(?:3[0-7]|9[0-7]|38)`)
    await eventually('there is colour', () => coloured.test(narrow.painted()))
    expect(wide.painted()).not.toMatch(coloured)
    expect(wide.ask('#{cursor_flag} #{alternate_on}')).toBe('0 1')
  })

  test('sorts, filters, looks into an actor and goes back', async () => {
    narrow.press('2', 's')
    const byName = await shows(narrow, 'they are sorted by name', (text) => text.includes(' by name'))
    const names = [...byName.matchAll(/^[> ] \*?(\w+) +(?:up|late|unsure)/gm)].map(([, name]) => name)
    expect(names).toEqual(EVERYBODY.toSorted())
    narrow.press('s')
    await shows(narrow, 'the busiest is first', (text) => /by calls[^]*?HEALTH.*\n..\W*(tenor|lion) /.test(text))
    narrow.press('/', 't', 'e', 'n', 'o', 'r', 'Enter')
    await shows(narrow, 'one is left', (text) => text.includes('tenor') && !text.includes('lion'))
    narrow.press('Enter')
    const detail = await shows(narrow, 'it is looked into', /^tenor \(\w{8}\)[^]*troupe#hi/m)
    expect(detail).toMatch(/parent +opera/)
    expect(detail).toMatch(/memory +\d+/)
    expect(detail).toMatch(/event loop busy/)
    narrow.press('Escape')
    await shows(narrow, 'the list is back', /\[2 actors\]/)
    await atTree()
  })

  test('follows the log of one actor, its new lines and from a level on', async () => {
    await atTree()
    // all at once: each key is about what the one before it has changed
    narrow.press('/', 'l', 'i', 'o', 'n', 'Enter', 'Down', 'l')
    await shows(narrow, 'the log is there', /log of lion \(\w{8}\) from trace on/)
    await call('lion', 'troupe#mutter', 'roar 1')
    await shows(narrow, 'a line has come', /WARN +actor: roar 1/)
    await call('lion', 'troupe#mutter', 'roar 2\u001b[2J')
    await shows(narrow, 'the next one comes, harmless', /roar 1\n.*roar 2\\x1b\[2J/)
    narrow.press('v', 'v', 'v', 'v')
    await shows(narrow, 'only errors are left, of which there is none', (text) => !text.includes('roar 1'))
    await atTree()
  })

  test('stands still when it is asked to, and goes on', async () => {
    narrow.press('Space')
    const still = await shows(narrow, 'it stands', /PAUSED/)
    const from = calls
    await eventually('the mesh goes on', () => calls > from + 40, 20_000)
    expect(narrow.screen().join('\n')).toBe(still)
    narrow.press('Space')
    await shows(narrow, 'it moves', (text) => !text.includes('PAUSED') && text !== still)
  })

  test('draws itself anew in a window that grows and shrinks', async () => {
    await atTree()
    narrow.resize(150, 40)
    await shows(narrow, 'streams and the gone have come', /── gone[^]*── events/)
    narrow.resize(60, 15)
    const small = await shows(narrow, 'it fits', (text) => !text.includes('── gone') && text.includes('HEALTH'))
    expect(small.trimEnd().split('\n').length).toBeLessThanOrEqual(15)
    narrow.resize(80, 24)
    await shows(narrow, 'it is as before', (text) => EVERYBODY.every((name) => lineOf(text, name) !== ''))
  })

  test('kills an actor when it was asked twice; both screens tell who did so, and that it was started again', async () => {
    const { id } = await memberOf('chorus')
    await choose('chorus')
    narrow.press('X')
    await shows(narrow, 'it asks', /kill chorus \(\w{8}\)\? y: yes, any other key: no/)
    narrow.press('n')
    await shows(narrow, 'it does not ask any more', (text) => !text.includes('kill chorus'))
    narrow.press('X', 'y')
    await shows(narrow, 'it asks again', /really kill chorus \(\w{8}\)\? capital Y: yes/)
    narrow.press('y', 'Y')
    await shows(narrow, 'it is done', /chorus \(\w{8}\) was killed/)
    expect((await memberOf('chorus'))?.id).not.toBe(id)
    await shows(wide, 'its end is told', /an observer, kills chorus/)
    await shows(wide, 'and that it is there again', /opera \(\w{8}\) starts chorus \(\w{8}\) again in /)
  })

  test('cancels an actor when it was asked twice, and shows who is gone and why', async () => {
    await choose('clown')
    narrow.press('c')
    await shows(narrow, 'it asks', /cancel clown \(\w{8}\)\? y: yes/)
    narrow.press('y')
    await shows(narrow, 'it asks again', /really cancel clown \(\w{8}\)\? capital Y: yes/)
    narrow.press('Y')
    await shows(narrow, 'it is done', /clown \(\w{8}\) was asked to end, and agreed/)
    await atTree()
    narrow.press('5')
    await shows(narrow, 'why it is gone', /clown +\w{8} it was asked to end by .*greenroom/)
    await shows(wide, 'the other screen says so too', /── gone[^]*clown/)
  })

  test('takes keys that were pressed before it was there', async () => {
    using terminal = watch(80, 24)
    terminal.press('2', 'Escape', 'Escape', '/', 'o', 'r', 'u', 's', 'Enter')
    await shows(
      terminal,
      'they count, and have left nothing',
      /^watched {2}3 roots.*\n1 mesh \[2 actors\].*\/orus[^]*chorus/,
    )
  })

  test('is killed without leaving a trace on others', async () => {
    const roots = (await mesh.members()).filter(({ parent }) => parent === null)
    const traces = async (): Promise<string[]> => {
      const all = await Promise.all(roots.map(async (root) => await readVitals(mesh.portal(root))))
      return all.flatMap(({ name, connections, streams }) => [
        ...connections.filter(({ peer }) => peer.name === '').map(({ peer }) => `${name} ${peer.id}`),
        ...streams.map(({ functionId, peer }) => `${name} ${functionId} ${peer.id}`),
      ])
    }
    const before = new Set(await traces())
    using another = watch(80, 24)
    await shows(another, 'it looks', /tenor +up/)
    const its = (await traces()).filter((one) => !before.has(one))
    expect(its.length).toBeGreaterThan(0)
    process.kill(another.pid(), 'SIGKILL')
    await shows(another, 'it is dead', /it ended with 137/)
    await eventually('nothing of it is left', async () => {
      const now = new Set(await traces())
      return its.every((one) => !now.has(one))
    })
    expect((await mesh.members()).map(({ name }) => name)).toEqual(expect.arrayContaining(['tenor', 'lion']))
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGINT', 130],
  ] as const)('gives the terminal back after %s', async (signal, code) => {
    using terminal = watch(80, 24)
    await shows(terminal, 'it has the terminal', /tenor/)
    process.kill(terminal.pid(), signal)
    expect(await expectGivenBack(terminal, code)).not.toContain('tenor')
  })

  test('gives the terminal back when an error is caught by nobody, and shows the error on it', async () => {
    const source = 'process.on("SIGUSR2", () => setImmediate(() => { throw new Error("a lamp fell down") }))'
    using terminal = watch(80, 24, { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(source)}` })
    await shows(terminal, 'it has the terminal', /tenor/)
    process.kill(terminal.pid(), 'SIGUSR2')
    const screen = await expectGivenBack(terminal, 1)
    expect(screen).toContain('a lamp fell down')
    expect(screen).not.toContain('HEALTH')
  })

  test('listens nowhere while it looks', () => {
    for (const terminal of [narrow, wide]) {
      const folder = `/proc/${terminal.pid()}`
      const links = readdirSync(`${folder}/fd`).flatMap((fd) => {
        try {
          return [readlinkSync(`${folder}/fd/${fd}`)]
        } catch {
          return []
        }
      })
      const sockets = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []))
      const rowsOf = (file: string): string[][] =>
        readFileSync(`${folder}/net/${file}`, 'utf8')
          .split('\n')
          .map((line) => line.trim().split(/ +/))
      const listening = [
        ...['tcp', 'tcp6'].flatMap((file) =>
          rowsOf(file)
            .filter((row) => row[3] === '0A')
            .map((row) => row[9]),
        ),
        ...['udp', 'udp6'].flatMap((file) => rowsOf(file).map((row) => row[9])),
        ...rowsOf('unix').flatMap((row) => (row[3] === '00010000' ? [row[6]] : [])),
      ]
      expect(sockets.size).toBeGreaterThan(0)
      expect(listening.length).toBeGreaterThan(0)
      expect(listening.filter((inode) => sockets.has(inode ?? ''))).toEqual([])
    }
  })

  test('shows that another root rules when the arbiter has died, and that it is dead', async () => {
    const screen = await shows(narrow, 'somebody rules', /arbiter \w+, term \d+/)
    const [, ruler = '', term = ''] = /arbiter (\w+), term (\d+)/.exec(screen)!
    troupe.roots.get(ruler)!.kill('SIGKILL')
    await shows(narrow, 'another one rules', (text) => {
      const found = /arbiter (\w+), term (\d+)/.exec(text)
      return found !== null && found[1] !== ruler && Number(found[2]) > Number(term)
    })
    await shows(narrow, 'two are left', / 2 roots, /)
    await shows(wide, 'it is gone', (text) => new RegExp(`── gone[^]*${ruler} .*it is dead`).test(text))
    await shows(wide, 'the election is told', new RegExp(`rules in term \\d+`))
  })

  test('quits by q, and by Ctrl-C, and leaves nothing on the terminal', async () => {
    narrow.press('q')
    wide.press('C-c')
    expect(await expectGivenBack(narrow, 0)).not.toContain('tenor')
    expect(await expectGivenBack(wide, 0)).not.toContain('tenor')
  })
})

describe('greenroom watch', () => {
  test('has a demo that needs no mesh', async () => {
    using runtime = makeRuntimeDir()
    using terminal = openTerminal(runtime.path, 80, 24, ['watch', '--demo'])
    const cast = ['globe', 'rose', 'swan', 'hamlet', 'juliet', 'puck']
    const screen = await shows(terminal, 'the cast plays', (text) => cast.every((name) => text.includes(name)))
    const callsOf = (text: string): number => Number(/(\S+) calls\/s/.exec(text)?.[1])
    const first = await shows(terminal, 'calls are counted', (text) => callsOf(text) > 0)
    await shows(terminal, 'numbers move', (text) => callsOf(text) !== callsOf(first))
    expect(screen).toMatch(/arbiter \w+, term \d+/)
    terminal.press('q')
    await expectGivenBack(terminal, 0)
  })

  test('says what to use instead where there is no terminal', async () => {
    const { code, stderr, stdout } = await greenroom('watch', '--demo')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('greenroom top --follow')
    expect(stderr).toContain('greenroom events --follow')
  })

  test('says what to use instead in a terminal that cannot move its cursor', async () => {
    using runtime = makeRuntimeDir()
    using terminal = openTerminal(runtime.path, 80, 24, ['watch', '--demo'], { TERM: 'dumb' })
    const screen = await expectGivenBack(terminal, 2)
    expect(screen.replaceAll('\n', '')).toMatch(/TERM=dumb.*greenroom top --follow/)
  })
})
