import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { placeOf } from '../../cli/commands/completion.ts'
import { greenroomCommand } from '../../cli/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { greenroomWith } from './support/greenroom.ts'

const runtime = useRuntimeDir()

async function offered(...words: string[]): Promise<string[]> {
  const env = { XDG_CONFIG_HOME: join(runtime.path, 'config'), GREENROOM_MESH: undefined }
  const { code, stdout, stderr } = await greenroomWith(env, 'complete', '--', ...words)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.split('\n')
  expect(lines.at(-1)).toBe(':4')
  return lines.slice(0, -1).map((line) => line.split('\t')[0]!)
}

describe('completion', () => {
  test('offers subcommands, their options, and the shells that there are scripts for', async () => {
    expect(await offered('me')).toEqual(['members'])
    expect(await offered('context', '')).toEqual(expect.arrayContaining(['list', 'use', 'add', 'remove']))
    expect(await offered('members', '--t')).toEqual(['--timeout'])
    expect(await offered('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(await offered('')).not.toContain('complete')
  })

  test('offers the meshes of this machine and the contexts', async () => {
    mkdirSync(join(runtime.path, `greenroom-${process.getuid?.()}`, 'studio', 'roots'), {
      recursive: true,
      mode: 0o700,
    })
    const env = { XDG_CONFIG_HOME: join(runtime.path, 'config') }
    await greenroomWith(env, 'context', 'add', 'home', 'kitchen')
    expect(await offered('members', '--mesh', '')).toEqual(['studio'])
    expect(await offered('members', '--context', 'h')).toEqual(['home'])
    expect(await offered('context', 'use', '')).toEqual(['home'])
  })

  test('is silent when there is no mesh, and whatever is typed', async () => {
    expect(await offered('call', '--mesh', 'empty', '')).toEqual([])
    expect(await offered('call', '--mesh', '../etc', 'ten')).toEqual([])
    expect(await offered('\u0001', '--', '')).toEqual([])
  })

  test('knows what a word is there for', () => {
    const program = greenroomCommand(() => async () => {})
    const place = (...words: string[]): object => placeOf(program, words)
    expect(place('call', '-m', 'studio', 'tenor', '')).toMatchObject({
      command: 'call',
      option: undefined,
      argument: 'function',
      before: ['tenor'],
      options: new Map([['mesh', 'studio']]),
    })
    expect(place('call', '--json', '--mesh', '')).toMatchObject({ option: 'mesh', argument: undefined })
    expect(place('rtt', 'a', 'b', '')).toMatchObject({ argument: 'actor', before: ['a', 'b'] })
    expect(place('context', 'remove', '')).toMatchObject({ command: 'context remove', argument: 'name' })
    expect(place('members', '')).toMatchObject({ argument: undefined })
  })

  test.each(['bash', 'zsh', 'fish'])('prints a script for %s, which asks the command', async (shell) => {
    const { stdout, code } = await greenroomWith({}, 'completion', shell)
    expect(code).toBe(0)
    expect(stdout).toContain('greenroom complete -- ')
    if (shell === 'bash') execFileSync('bash', ['-n'], { input: stdout })
  })
})
