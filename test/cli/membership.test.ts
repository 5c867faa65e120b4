import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isRunning } from '../../discovery/process-life.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

const command = new URL('../../cli/index.ts', import.meta.url)

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function envOf(path: string): Record<string, string | undefined> {
  return {
    XDG_RUNTIME_DIR: path,
    XDG_STATE_HOME: join(path, 'state'),
    XDG_CONFIG_HOME: join(path, 'config'),
    GREENROOM_MESH: undefined,
  }
}

/** The command, as if on a machine of its own. */
function machine(name: string): { readonly path: string; readonly run: (...args: string[]) => Promise<Ran> } {
  const path = join(runtime.path, name)
  mkdirSync(path, { mode: 0o700 })
  const env = envOf(path)
  return {
    path: join(path, `greenroom-${process.getuid?.()}`),
    run: async (...args) => {
      const ran = await startProgram(command, { args, env })
      ran.endInput()
      const { code } = await ran.waitForExit(20_000)
      return { code, stdout: ran.stdout.join('\n'), stderr: ran.stderr.join('\n') }
    },
  }
}

const ID = '12D3KooWFW5kYHMgiVPGPunibZzPjDKGkHpc2fJZeLKnEcycKerb'
const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']

/** A line that lets in by the loopback interface, where the peer under test listens. */
async function inviteBy(theirs: ReturnType<typeof machine>, ...limits: string[]): Promise<string> {
  const log = readFileSync(join(theirs.path, 'studio', 'host-peer.log'), 'utf8')
  const [address = ''] = /\/ip4\/127\S+/.exec(log) ?? []
  const { stdout, code } = await theirs.run('invite', '--mesh', 'studio', '--address', address, ...limits)
  expect(code).toBe(0)
  return stdout
}

describe('greenroom', () => {
  test('up, invite, join, members and leave make a mesh of two machines, and leave nothing behind', async () => {
    const [one, two] = [machine('one'), machine('two')]
    const up = await one.run('up', '--mesh', 'studio', '--name', 'one', '--detach', ...listen)
    expect(up).toMatchObject({ code: 0, stderr: '' })
    const pid = Number(/process (\d+)/.exec(up.stdout)?.[1])
    expect(isRunning(pid, null)).toBe(true)
    expect(await one.run('up', '--mesh', 'studio')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${pid}`) as string,
    })

    const said = await one.run('invite', '--mesh', 'studio', '--json', '--address', `/ip4/127.0.0.1/tcp/1/p2p/${ID}`)
    expect(JSON.parse(said.stdout)).toEqual({
      mesh: 'studio',
      invitation: expect.stringMatching(/^greenroom:/) as string,
    })
    const invitation = await inviteBy(one, '--uses', '1', '--expires', '1h')
    const joined = await two.run('context', 'add', 'work', invitation, '--json')
    expect(joined).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(joined.stdout)).toEqual({ name: 'work', mesh: 'studio', current: true })
    const second = await two.run('up', '--name', 'two', '--detach', '--json', '--metrics', ':0', ...listen)
    expect(second).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(second.stdout)).toMatchObject({ name: 'two', mesh: 'studio', pid: expect.any(Number) as number })
    const scraped = await (await fetch((JSON.parse(second.stdout) as { metrics: string }).metrics)).text()
    expect(scraped).toMatch(/^greenroom_uptime\{actor="two",actor_id="\w{8}"\} [\d.]+$/m)
    expect(scraped).toMatch(/^libp2p_\w+/m)
    await eventually(
      'both see both',
      async () => {
        for (const { run } of [one, two]) {
          const { stdout } = await run('members', '--mesh', 'studio', '--json')
          const members = JSON.parse(stdout) as { name: string; arbiter: boolean }[]
          if (
            members
              .map(({ name }) => name)
              .sort()
              .join() !== 'one,two'
          )
            return false
          if (members.filter(({ arbiter }) => arbiter).length !== 1) return false
        }
        return true
      },
      20_000,
    )
    expect((await one.run('members', '--mesh', 'studio')).stdout).toMatch(/^\* (one|two) /m)
    const bench = await one.run('bench', 'one', 'two', '--mesh', 'studio', '--for', '100ms', '--json')
    expect(bench).toMatchObject({ code: 0, stderr: '' })
    const numbers = JSON.parse(bench.stdout) as Record<'callsPerS' | 'itemsPerS' | 'streamBytesPerS', number>
    expect(numbers).toMatchObject({ from: { name: 'one' }, to: { name: 'two' }, forMs: 100 })
    for (const rate of [numbers.callsPerS, numbers.itemsPerS, numbers.streamBytesPerS]) expect(rate).toBeGreaterThan(0)

    const late = machine('late')
    expect(await late.run('join', invitation)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('used already') as string,
    })
    for (const { run, path } of [two, one]) {
      expect(await run('leave', '--mesh', 'studio')).toMatchObject({ code: 0, stderr: '' })
      expect(existsSync(join(path, 'studio'))).toBe(false)
    }
    expect(isRunning(pid, null)).toBe(false)
    expect((await one.run('leave', '--mesh', 'studio')).code).toBe(1)
  })

  test('a peer that does not come up says why, and none is left', async () => {
    const { run, path } = machine('one')
    const up = await run('up', '--mesh', 'studio', '--detach', '--listen', '/ip4/198.51.100.1/tcp/1')
    expect(up).toMatchObject({ code: 1, stderr: expect.stringContaining('host-peer.log') as string })
    const log = join(path, 'studio', 'host-peer.log')
    expect(readFileSync(log, 'utf8')).toContain('198.51.100.1')
    expect(statSync(log).mode & 0o777).toBe(0o600)
  })

  test('an invitation can come by the standard input, and is checked before anybody is asked', async () => {
    const { run } = machine('one')
    expect(await run('join', 'greenroom:nonsense')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('cut or changed') as string,
    })
    expect(await run('join', '-')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no invitation on the standard input') as string,
    })
  })

  test('a line is enough: whoever types it need not end the input', async () => {
    for (const args of [
      ['join', '-'],
      ['up', '--join', '-'],
      ['context', 'add', 'work', '-'],
    ]) {
      const asked = await startProgram(command, { args, env: envOf(join(runtime.path, 'one')) })
      asked.type('\r\n  greenroom:nonsense')
      expect((await asked.waitForExit(20_000)).code).toBe(1)
      expect(asked.stderr.join()).toContain('cut or changed')
    }
  })

  test.each([
    [['--max-actors', '3'], '--allow-spawn'],
    [['--allow-spawn', '--max-actors', '5000'], 'maxActors is 1 to 4096, got 5000'],
    [['--allow-spawn', '--max-actors-per-peer', '5000'], 'maxActorsPerPeer is 1 to 4096, got 5000'],
  ])('up %j starts nothing, and says why', async (args, why) => {
    const { code, stderr } = await machine('one').run('up', '--mesh', 'studio', ...args)
    expect(code).toBe(2)
    expect(stderr).toContain(why)
  })

  test.each([[['invite', '--expires', 'soon']], [['up', '--port', '99999']], [['join']], [['members', 'extra']]])(
    'wrong usage %j exits with 2',
    async (args) => {
      const { code, stderr } = await machine('one').run(...args)
      expect(code).toBe(2)
      expect(stderr).toContain('error:')
    },
  )
})
