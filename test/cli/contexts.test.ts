import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { chooseMesh } from '../../cli/choose-mesh.ts'
import { addContext, listContexts, removeContext, useContext } from '../../cli/commands/context.ts'
import { contextsFile, keepContexts, MAX_CONTEXTS, readContexts } from '../../cli/contexts.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtime = useRuntimeDir()
let said: string[] = []
beforeEach(() => {
  said = []
  vi.stubEnv('XDG_CONFIG_HOME', join(runtime.path, 'config'))
  vi.stubEnv('GREENROOM_MESH', '')
  vi.stubEnv('GREENROOM_CONTEXT', '')
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => said.push(String(text)) > 0)
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('contexts', () => {
  test('the first one is in use, another one when it is asked for, none when it is removed', async () => {
    expect(chooseMesh({})).toBe('default')
    await addContext('home', 'kitchen', {})
    await addContext('work', 'studio', {})
    expect(chooseMesh({})).toBe('kitchen')
    expect(chooseMesh({ context: 'work' })).toBe('studio')
    await useContext('work', {})
    expect(chooseMesh({})).toBe('studio')
    await removeContext('work', {})
    expect(chooseMesh({})).toBe('default')
    said = []
    await listContexts({ json: true })
    expect(JSON.parse(said.join(''))).toEqual([{ name: 'home', mesh: 'kitchen', current: false }])
  })

  test('what is given stands above the shell, and the shell above the context in use', async () => {
    await addContext('home', 'kitchen', {})
    await addContext('work', 'studio', {})
    vi.stubEnv('GREENROOM_CONTEXT', 'work')
    expect(chooseMesh({})).toBe('studio')
    vi.stubEnv('GREENROOM_MESH', 'stage')
    expect(chooseMesh({})).toBe('stage')
    expect(chooseMesh({ context: 'home' })).toBe('kitchen')
    expect(chooseMesh({ mesh: 'cellar' })).toBe('cellar')
    expect(() => chooseMesh({ mesh: 'cellar', context: 'home' })).toThrow('give one of them')
  })

  test('are kept for this user alone', async () => {
    await addContext('home', 'kitchen', {})
    expect(statSync(contextsFile()).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(contextsFile())).mode & 0o777).toBe(0o700)
    expect(JSON.parse(readFileSync(contextsFile(), 'utf8'))).toEqual({
      current: 'home',
      contexts: { home: { mesh: 'kitchen' } },
    })
  })

  test('that others may write, or that are none, are refused', () => {
    mkdirSync(dirname(contextsFile()), { recursive: true })
    writeFileSync(contextsFile(), 'nonsense', { mode: 0o600 })
    expect(() => readContexts()).toThrow('cannot be read')
    writeFileSync(contextsFile(), '{"contexts":{"a":{"mesh":1}}}')
    expect(() => readContexts()).toThrow("context 'a' names no mesh")
    writeFileSync(contextsFile(), ' '.repeat(70_000))
    expect(() => readContexts()).toThrow('more than 65536')
    chmodSync(contextsFile(), 0o666)
    expect(() => readContexts()).toThrow('chmod 600')
  })

  test('are called by plain names, and are not more than 256', async () => {
    await expect(addContext('../x', 'kitchen', {})).rejects.toThrow('1 to 64 letters')
    await expect(addContext('x', 'no mesh', {})).rejects.toThrow('neither an invitation')
    await expect(addContext('x', 'greenroom:nonsense', {})).rejects.toThrow('cut or changed')
    await expect(useContext('x', {})).rejects.toThrow("no context is called 'x'")
    const many = Array.from({ length: MAX_CONTEXTS + 1 }, (_, i) => [`c${i}`, 'mesh'] as const)
    expect(() => keepContexts({ current: undefined, meshes: new Map(many) })).toThrow('256 contexts')
  })
})
