import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openRendezvous } from '../../discovery/rendezvous.ts'
import type { Entry, Rendezvous } from '../../discovery/rendezvous.ts'

let runtimeDir: string
let opened: Rendezvous[]

beforeEach(async () => {
  runtimeDir = await mkdtemp(join(tmpdir(), 'greenroom-test-'))
  opened = []
})

afterEach(async () => {
  for (const rendezvous of opened) await rendezvous.close()
  await rm(runtimeDir, { recursive: true, force: true })
})

async function open(mesh = 'demo', rescan = 100): Promise<Rendezvous> {
  const rendezvous = await openRendezvous({ mesh, runtimeDir, rescan })
  opened.push(rendezvous)
  return rendezvous
}

const announcement = (peerId: string) => ({ peerId, addrs: ['/ip4/127.0.0.1/tcp/4001'], name: `root ${peerId}` })

/** A real process that opens the rendezvous, announces itself and prints what it saw; it lives until it is told to end. */
function startProgram(peerId: string, mesh = 'demo') {
  const program = new URL('support/rendezvous-program.ts', import.meta.url)
  const child = spawn(process.execPath, [program.pathname, runtimeDir, mesh, peerId], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const saw = once(child.stdout, 'data').then(
    ([data]) => JSON.parse(String(data)) as { secret: string; others: string[] },
  )
  const ended = once(child, 'exit')
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await ended
  }
  return { child, saw, end }
}

async function modeOf(...path: string[]): Promise<string> {
  return ((await stat(join(runtimeDir, ...path))).mode & 0o777).toString(8)
}

const user = `greenroom-${process.getuid?.() ?? 'user'}`

describe('the directory', () => {
  test('and all that is in it can be entered by its user alone', async () => {
    const rendezvous = await open()
    await rendezvous.announce(announcement('a'))
    await rendezvous.keyFor('donny').store(new Uint8Array(8))
    expect(rendezvous.directory).toBe(join(runtimeDir, user, 'demo'))
    for (const path of [[user], [user, 'demo'], [user, 'demo', 'roots'], [user, 'demo', 'keys']]) {
      expect(await modeOf(...path)).toBe('700')
    }
    expect(await modeOf(user, 'demo', 'secret')).toBe('600')
    expect(await modeOf(user, 'demo', 'roots', 'a.json')).toBe('600')
    const [key] = await readdir(join(rendezvous.directory, 'keys'))
    expect(await modeOf(user, 'demo', 'keys', key ?? '')).toBe('600')
  })

  test('is refused when others can get at it', async () => {
    await mkdir(join(runtimeDir, user))
    await chmod(join(runtimeDir, user), 0o755)
    await expect(open()).rejects.toMatchObject({
      code: 'RENDEZVOUS_UNSAFE',
      message: expect.stringMatching(/has mode 0755.*chmod 700/),
    })
  })

  test('is refused when it is a link, or no directory', async () => {
    await symlink(tmpdir(), join(runtimeDir, user))
    await expect(open()).rejects.toThrow(/is a symbolic link; remove it/)
    await rm(join(runtimeDir, user))
    await writeFile(join(runtimeDir, user), '')
    await expect(open()).rejects.toThrow(/is not a directory/)
  })

  test.runIf(process.getuid?.() === 0)('is refused when it belongs to another user', async () => {
    const { chown } = await import('node:fs/promises')
    await mkdir(join(runtimeDir, user), { mode: 0o700 })
    await chown(join(runtimeDir, user), 12_345, 12_345)
    await expect(open()).rejects.toThrow(/belongs to user 12345, not to user 0/)
  })

  test('that cannot be made is an error that says where and what to do', async () => {
    await expect(openRendezvous({ mesh: 'demo', runtimeDir: join(runtimeDir, 'missing') })).rejects.toMatchObject({
      code: 'RENDEZVOUS_UNUSABLE',
      message: expect.stringMatching(/missing.*ENOENT.*XDG_RUNTIME_DIR/),
    })
  })

  test.each(['', '.', '..', '.hidden', 'a/b', 'a b', 'ä', 'x'.repeat(65)])('mesh name %o is refused', async (mesh) => {
    await expect(open(mesh)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test.each(['a', 'x'.repeat(64), 'Demo-1_2.3', '-'])('mesh name %o is taken', async (mesh) => {
    expect((await open(mesh)).secret).toHaveLength(32)
  })
})

describe('the secret', () => {
  test('is the same for all of a mesh, and another for another', async () => {
    const [one, two, other] = [await open(), await open(), await open('other')]
    expect(two.secret).toEqual(one.secret)
    expect(other.secret).not.toEqual(one.secret)
    expect(one.secret.some((byte) => byte !== 0)).toBe(true)
  })

  test('is the same for processes that start at the same moment, and each sees another or is seen', async () => {
    const programs = Array.from({ length: 5 }, (_, index) => startProgram(`p${index}`))
    const saw = await Promise.all(programs.map((program) => program.saw))
    expect(new Set(saw.map(({ secret }) => secret)).size).toBe(1)
    for (let one = 0; one < saw.length; one++) {
      for (let two = 0; two < one; two++) {
        const met = saw[one]?.others.includes(`p${two}`) === true || saw[two]?.others.includes(`p${one}`) === true
        expect(met, `p${one} and p${two}`).toBe(true)
      }
    }
    await Promise.all(programs.map((program) => program.end('SIGTERM')))
  })

  test('of a wrong length, or readable by others, is an error that says what to do', async () => {
    const { directory } = await open()
    const file = join(directory, 'secret')
    await writeFile(file, 'short')
    await expect(open()).rejects.toThrow(/secret has 5 bytes instead of 32: delete it/)
    await writeFile(file, new Uint8Array(33))
    await expect(open()).rejects.toThrow(/33 bytes, more than 32/)
    await chmod(file, 0o644)
    await expect(open()).rejects.toThrow(/mode 0644, so other users may have read it/)
  })
})

describe('entries', () => {
  test('are those of the other roots that run', async () => {
    const [one, two] = [await open(), await open()]
    await one.announce(announcement('a'))
    await two.announce(announcement('b'))
    expect(await one.entries()).toMatchObject([{ ...announcement('b'), pid: process.pid }])
    await two.close()
    expect(await one.entries()).toEqual([])
  })

  test('of another mesh are not seen', async () => {
    await (await open('other')).announce(announcement('a'))
    expect(await (await open()).entries()).toEqual([])
  })

  test('of a program that was killed are removed by whoever finds them, with what it left half written', async () => {
    const program = startProgram('victim')
    await program.saw
    const rendezvous = await open()
    expect(await rendezvous.entries()).toMatchObject([{ peerId: 'victim', pid: program.child.pid }])
    const half = join(rendezvous.directory, 'roots', `.${program.child.pid}--0badcafe`)
    const halfSecret = join(rendezvous.directory, `.${program.child.pid}--0badcafe`)
    await writeFile(half, '{"peer')
    await writeFile(halfSecret, 'sec')
    await rendezvous.entries()
    expect(await readdir(join(rendezvous.directory, 'roots'))).toHaveLength(2)
    await program.end('SIGKILL')
    expect(await rendezvous.entries()).toEqual([])
    expect(await readdir(join(rendezvous.directory, 'roots'))).toEqual([])
    await open()
    expect((await readdir(rendezvous.directory)).sort()).toEqual(['keys', 'roots', 'secret'])
  })

  test.runIf(process.platform === 'linux')('of another process that got the same pid are removed', async () => {
    const rendezvous = await open()
    const entry: Entry = { ...announcement('old'), pid: process.pid, startedAt: '1' }
    await writeFile(join(rendezvous.directory, 'roots', 'old.json'), JSON.stringify(entry))
    expect(await rendezvous.entries()).toEqual([])
    expect(await readdir(join(rendezvous.directory, 'roots'))).toEqual([])
  })

  test('that are garbage are removed, whatever garbage', async () => {
    const rendezvous = await open()
    const roots = join(rendezvous.directory, 'roots')
    const good: Entry = { ...announcement('x'), pid: process.pid, startedAt: null }
    const garbage: Record<string, unknown> = {
      empty: '',
      text: 'hello',
      array: [],
      number: 1,
      other: { ...good, peerId: 'someone' },
      pid: { ...good, peerId: 'pid', pid: -1 },
      addrs: { ...good, peerId: 'addrs', addrs: [1] },
      many: { ...good, peerId: 'many', addrs: Array(17).fill('/x') },
      name: { ...good, peerId: 'name', name: '' },
      large: { ...good, peerId: 'large', more: 'x'.repeat(20_000) },
    }
    for (const [name, value] of Object.entries(garbage)) {
      await writeFile(join(roots, `${name}.json`), typeof value === 'string' ? value : JSON.stringify(value))
    }
    await symlink('/etc/hostname', join(roots, 'link.json'))
    await mkdir(join(roots, 'directory.json'))
    await writeFile(join(roots, 'notes.txt'), 'not ours')
    expect(await rendezvous.entries()).toEqual([])
    expect((await readdir(roots)).sort()).toEqual(['directory.json', 'notes.txt'])
  })

  test('change when a root announces itself anew', async () => {
    const [one, two] = [await open(), await open()]
    await one.announce(announcement('a'))
    await one.announce({ ...announcement('a'), addrs: ['/ip4/127.0.0.1/tcp/9'] })
    expect(await two.entries()).toMatchObject([{ addrs: ['/ip4/127.0.0.1/tcp/9'] }])
    expect(await readdir(join(one.directory, 'roots'))).toEqual(['a.json'])
  })

  test('cannot be made of what is no entry', async () => {
    const rendezvous = await open()
    await expect(rendezvous.announce({ ...announcement('a'), peerId: '../a' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(rendezvous.announce({ ...announcement('a'), addrs: Array<string>(17).fill('/x') })).rejects.toThrow(
      /17 addresses/,
    )
    expect(await readdir(join(rendezvous.directory, 'roots'))).toEqual([])
  })

  test('an identity belongs to one running program at a time', async () => {
    const program = startProgram('same')
    await program.saw
    const rendezvous = await open()
    await expect(rendezvous.announce(announcement('same'))).rejects.toMatchObject({
      code: 'IDENTITY_IN_USE',
      message: expect.stringMatching(new RegExp(`process ${program.child.pid} .*already running`)),
    })
    await program.end('SIGKILL')
    await rendezvous.announce(announcement('same'))
    expect(await (await open()).entries()).toMatchObject([{ pid: process.pid }])
  })
})

describe('forgetting', () => {
  test('removes the entry as it was seen, and no other', async () => {
    const [one, two] = [await open(), await open()]
    await one.announce(announcement('a'))
    await two.forget('a')
    expect(await two.entries()).toHaveLength(1)
    await one.announce({ ...announcement('a'), addrs: ['/new'] })
    await two.forget('a')
    expect(await two.entries()).toMatchObject([{ addrs: ['/new'] }])
    await two.forget('a')
    expect(await two.entries()).toEqual([])
  })

  test('does no lasting harm to a live program, nor to oneself', async () => {
    const [one, two] = [await open(), await open()]
    await one.announce(announcement('a'))
    await one.forget('a')
    one.watch(() => {})
    expect(await two.entries()).toHaveLength(1)
    await two.forget('a')
    await expect.poll(async () => (await two.entries()).length).toBe(1)
  })
})

describe('watching', () => {
  test('tells who is there at once, and every change after that', async () => {
    const [one, two] = [await open('demo', 60_000), await open()]
    const seen: string[] = []
    one.watch((entries) => seen.push(entries.map(({ peerId }) => peerId).join()))
    await expect.poll(() => seen).toEqual([''])
    await two.announce(announcement('b'))
    await expect.poll(() => seen).toEqual(['', 'b'])
    await two.close()
    await expect.poll(() => seen).toEqual(['', 'b', ''])
  })

  test('notices a program that was killed, which no file tells of', async () => {
    const program = startProgram('victim')
    await program.saw
    const rendezvous = await open()
    const seen: number[] = []
    rendezvous.watch((entries) => seen.push(entries.length))
    await expect.poll(() => seen).toEqual([1])
    await program.end('SIGKILL')
    await expect.poll(() => seen).toEqual([1, 0])
  })

  test('ends when it is stopped', async () => {
    const [one, two] = [await open(), await open()]
    const [seen, other]: [number[], number[]] = [[], []]
    const stop = one.watch((entries) => seen.push(entries.length))
    one.watch((entries) => other.push(entries.length))
    await expect.poll(() => [seen.length, other.length]).toEqual([1, 1])
    stop()
    await two.announce(announcement('b'))
    await expect.poll(() => other).toEqual([0, 1])
    expect(seen).toEqual([0])
  })
})

describe('kept keys', () => {
  test('are there again for the same name, the first one stored', async () => {
    const [one, two] = [await open(), await open()]
    expect(await one.keyFor('donny').load()).toBeUndefined()
    expect(await one.keyFor('donny').store(Uint8Array.of(1, 2))).toEqual(Uint8Array.of(1, 2))
    expect(await two.keyFor('donny').store(Uint8Array.of(3))).toEqual(Uint8Array.of(1, 2))
    expect(await two.keyFor('donny').load()).toEqual(Uint8Array.of(1, 2))
    expect(await one.keyFor('gretchen').load()).toBeUndefined()
  })

  test('may belong to any name', async () => {
    const rendezvous = await open()
    const names = ['..', 'a/b', 'ä'.repeat(128), `${'x'.repeat(200)}1`, `${'x'.repeat(200)}2`, '']
    for (const [index, name] of names.entries()) await rendezvous.keyFor(name).store(Uint8Array.of(index))
    for (const [index, name] of names.entries()) {
      expect(await rendezvous.keyFor(name).load()).toEqual(Uint8Array.of(index))
    }
    expect(await readdir(join(rendezvous.directory, 'keys'))).toHaveLength(names.length)
  })
})

test('nothing of a program is left after it closed', async () => {
  const rendezvous = await open()
  rendezvous.watch(() => {})
  await rendezvous.announce(announcement('a'))
  expect(JSON.parse(await readFile(join(rendezvous.directory, 'roots', 'a.json'), 'utf8'))).toMatchObject({
    peerId: 'a',
  })
  await rendezvous.close()
  await rendezvous.close()
  expect(await readdir(join(rendezvous.directory, 'roots'))).toEqual([])
})
