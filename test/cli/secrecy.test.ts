import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { watchProcesses } from '../support/process-watcher.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectKept, formsOf, openToOthers, partsOf, shownOf } from '../support/secrecy.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

const command = new URL('../../cli/index.ts', import.meta.url)
const member = new URL('./fixtures/secretive.ts', import.meta.url)
const mesh = ['--mesh', 'studio']
const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']

/** A machine of its own, all of whose programs write all that they can. */
function talkativeMachine(name: string) {
  const path = join(runtime.path, name)
  mkdirSync(path, { mode: 0o700 })
  const env = {
    XDG_RUNTIME_DIR: path,
    XDG_STATE_HOME: join(path, 'state'),
    XDG_CONFIG_HOME: join(path, 'config'),
    DEBUG: '*',
    GREENROOM_MESH: undefined,
    GREENROOM_JOIN: undefined,
  }
  const directory = join(path, `greenroom-${process.getuid?.()}`, 'studio')
  return {
    env,
    directories: [join(path, `greenroom-${process.getuid?.()}`), join(path, 'state', 'greenroom')],
    secret: () => readFileSync(join(directory, 'secret')),
    log: () => readFileSync(join(directory, 'host-peer.log'), 'utf8'),
    greenroom: async (...args: string[]): Promise<Program & { readonly code: number | null }> => {
      const ran = await startProgram(command, { args, env })
      ran.endInput()
      return Object.assign(ran, await ran.waitForExit(30_000))
    },
  }
}

describe.skipIf(process.platform !== 'linux')(
  'the secret of a mesh, also one that was changed, and an invitation',
  () => {
    test('are on no command line, in no environment of a child, log or error, and in files of their user alone', async () => {
      const processes = watchProcesses()
      const [one, two] = [talkativeMachine('one'), talkativeMachine('two')]
      const said = new Map<string, string>()
      const run = async (on: typeof one, ...args: string[]): Promise<Program & { readonly code: number | null }> => {
        const ran = await on.greenroom(...args)
        if (args[0] !== 'invite') said.set(`greenroom ${args[0]}`, [...ran.stdout, ...ran.stderr].join('\n'))
        return ran
      }
      const done = async (on: typeof one, ...args: string[]): Promise<string> => {
        const { code, stdout, stderr } = await run(on, ...args)
        expect([code, code === 0 ? '' : stderr.slice(-5).join('\n')]).toEqual([0, ''])
        return stdout.join('\n')
      }
      await done(one, 'up', ...mesh, '--name', 'one', '--detach', ...listen)
      const address = /\/ip4\/127\S+\/p2p\/\S+/.exec(one.log())![0]
      const invitation = await done(one, 'invite', ...mesh, '--address', address)
      expect(invitation).toMatch(/^greenroom:/)
      await done(two, 'up', '--join', invitation, '--name', 'two', '--detach', ...listen)
      const three = talkativeMachine('three')
      const args = ['up', '--join', invitation, '--name', 'three', ...listen]
      await using inFront = await startProgram(command, { args, env: three.env })
      await inFront.waitForLine('three is up', 20_000)
      await using program = await startProgram(member, { env: { ...two.env, GREENROOM_JOIN: invitation } })
      await program.waitForLine('all are up', 20_000)

      const secrets = formsOf(one.secret())
      const looks = (): void => {
        const all = processes.list().map(({ pid }) => pid)
        // three peers, a program, an actor of each kind that is a process, one below it, and a process that waits
        expect(all.length).toBeGreaterThanOrEqual(7)
        const shown = shownOf(all, ['cmdline', 'environ'])
        expectKept(secrets, shown)
        // whoever is given an invitation by its environment has it there, and nobody below it
        shown.delete(`/proc/${program.pid}/environ`)
        expectKept(partsOf(invitation), shown)
        for (const directory of [...one.directories.slice(0, 1), ...two.directories, ...three.directories])
          expect(openToOthers(directory)).toEqual([])
      }
      looks()
      const former = one.secret()
      await done(one, 'rotate', ...mesh, '--overlap', '1s')
      expect(one.secret().equals(former)).toBe(false)
      await eventually('the other machine has the new one', () => two.secret().equals(one.secret()), 20_000)
      secrets.push(...formsOf(one.secret()))
      program.type('more')
      await program.waitForLine('more are up', 20_000)
      looks()

      // errors: a line that was changed, one of before the change, a member that nobody knows, and files that are cut short
      const late = talkativeMachine('late')
      const changed = invitation.replace(/.{4}$/, 'AAAA')
      for (const args of [
        ['join', changed],
        ['join', invitation],
        ['up', '--join', invitation],
      ])
        expect((await run(late, ...args)).code).toBe(1)
      expect((await run(two, 'ban', 'nobody', ...mesh)).code).not.toBe(0)
      await done(two, 'ban', 'one', ...mesh, '--why', 'a test')
      await done(two, 'unban', 'one', ...mesh)
      for (const running of [program, inFront]) {
        running.kill('SIGTERM')
        await running.waitForExit()
      }
      for (const [name, on] of [
        ['one', one],
        ['two', two],
      ] as const) {
        said.set(`the log of ${name}`, on.log())
        await done(on, 'leave', ...mesh)
      }
      said.set('the program', [...program.stdout, ...program.stderr].join('\n'))
      said.set('three', [...inFront.stdout, ...inFront.stderr].join('\n'))
      for (const name of ['the log of one', 'the log of two', 'the program', 'three']) {
        const text = said.get(name)!
        expect(text).toMatch(/libp2p:/)
        expect(text).toMatch(/ discovery: greenroom-command has changed the secret of the mesh/)
      }
      expectKept([...secrets, ...partsOf(invitation), ...partsOf(changed)], said)
    })
  },
)
