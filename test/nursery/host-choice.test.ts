import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Registry } from '../../discovery/core/registry.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { InvalidArgument } from '../../node/errors.ts'
import { GuestOutput, MAX_HELD_OUTPUT } from '../../nursery/placement/guest-output.ts'
import { hostSelection, MAX_HOST_CHOICES, noHost, rankHosts } from '../../nursery/placement/host-choice.ts'
import { hostingSettings, PLACED_ACTORS_BOUND } from '../../nursery/placement/hosting-options.ts'
import { moduleName } from '../../nursery/placement/module-name.ts'
import { resolveModule } from '../../nursery/placement/resolve-module.ts'
import { placed } from './fixtures/placed.ts'

function registryOf(...roots: [id: string, name: string, tags?: string[]][]): Registry {
  const records = roots.map(
    ([peerId, name, tags = []]) =>
      ({
        peerId,
        root: peerId,
        name,
        meta: { tags, groups: ['greenroom:hosts'] },
        modules: [],
      }) as unknown as ActorRecord,
  )
  return { members: () => records, rootCount: 9 } as unknown as Registry
}

const ids = (records: readonly ActorRecord[]): string[] => records.map(({ peerId }) => peerId)

describe('of several hosts', () => {
  const registry = registryOf(['c', 'gamma', ['gpu']], ['a', 'alpha'], ['b', 'beta', ['gpu', 'eu']])
  const load = { a: 2, b: 1, c: 1 } as Record<string, number>
  const rank = (on: Parameters<typeof hostSelection>[0], avoid?: string): string[] =>
    ids(rankHosts(registry, hostSelection(on), (id) => load[id] ?? 0, avoid))

  test('the one with the fewest actors comes first, then the lowest peer id, and one that was lost comes last', () => {
    expect(rank({ where: {} })).toEqual(['b', 'c', 'a'])
    expect(rank({ where: {} }, 'b')).toEqual(['c', 'a', 'b'])
  })

  test('those are meant that a name, a peer id, conditions or any of a list say', () => {
    expect(rank('alpha')).toEqual(['a'])
    expect(rank({ id: 'c' })).toEqual(['c'])
    expect(rank({ where: { tags: ['gpu'] } })).toEqual(['b', 'c'])
    expect(rank({ where: ({ name }) => name < 'b' })).toEqual(['a'])
    expect(rank({ name: 'beta', where: { tags: ['eu'] } })).toEqual(['b'])
    expect(rank([{ id: 'a' }, 'gamma'])).toEqual(['c', 'a'])
    expect(rank('nobody')).toEqual([])
  })

  test('none is told in words, with who is there', () => {
    expect(noHost(registry, hostSelection('nobody'))).toMatch(
      /no host named 'nobody' among .*gamma \(c\) \[gpu\], alpha/,
    )
    expect(noHost(registryOf(), hostSelection(['x', { id: 'y' }]))).toMatch(
      /no host named 'x' or a host with the peer id …y: 9 roots are known, and none starts actors/,
    )
  })

  test('what selects none is refused', () => {
    for (const on of [[], Array(MAX_HOST_CHOICES + 1).fill('a'), 7, null, {}, ['']])
      expect(() => hostSelection(on as never)).toThrow(InvalidArgument)
  })
})

describe('a module on another host', () => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'greenroom-modules-'))
    const write = (path: string, text = ''): void => {
      mkdirSync(join(directory, path, '..'), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
    write('app/package.json', '{"name":"@me/app"}')
    write('app/lib/worker.js')
    write('app/node_modules/kit/package.json', '{"name":"kit","exports":{"./tool":"./inner/tool.js"}}')
    write('app/node_modules/kit/inner/tool.js')
    write('node_modules/above/x.js')
  })
  afterAll(() => rmSync(directory, { recursive: true }))

  test('is named by package and path in it', () => {
    expect(moduleName(placed)).toEqual({ name: 'greenroom/test/nursery/fixtures/placed.ts', namespace: 'placed' })
    expect(() => moduleName({ url: 'data:text/javascript,', namespace: 'x' })).toThrow('is no file')
  })

  test.each([
    ['./worker.js', 'app/lib/worker.js'],
    ['@me/app/lib/worker.js', 'app/lib/worker.js'],
    ['kit/inner/tool.js', 'app/node_modules/kit/inner/tool.js'],
    ['kit/tool', 'app/node_modules/kit/inner/tool.js'],
    ['above/x.js', 'node_modules/above/x.js'],
  ])('%s is found', (name, file) => {
    expect(resolveModule(name, join(directory, 'app/lib'))).toBe(pathToFileURL(join(directory, file)).href)
  })

  test.each(['./missing.js', 'kit/missing.js', 'nobody/x.js', './..', '', 'a:b', 'a\\b', 'x'.repeat(600)])(
    '%s is not',
    (name) => {
      expect(() => resolveModule(name, join(directory, 'app/lib'))).toThrow(InvalidArgument)
    },
  )
})

test('allowSpawn takes true, or a directory and numbers within their bounds', () => {
  expect(hostingSettings(undefined)).toBeUndefined()
  expect(hostingSettings(false)).toBeUndefined()
  expect(hostingSettings(true)).toEqual({ directory: process.cwd(), maxActors: 64, maxActorsPerPeer: 32 })
  expect(hostingSettings({ maxActors: 8 })).toMatchObject({ maxActors: 8, maxActorsPerPeer: 8 })
  for (const bad of [
    7,
    { maxActors: 0 },
    { maxActorsPerPeer: PLACED_ACTORS_BOUND + 1 },
    { directory: '/no/where' },
    { x: 1 },
  ])
    expect(() => hostingSettings(bad as never)).toThrow(InvalidArgument)
})

test('output is held within a bound while the owner is out of reach, and what was lost is counted', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const output = new GuestOutput(stdout, stderr)
  stdout.write('kept')
  stdout.write(Buffer.alloc(MAX_HELD_OUTPUT))
  await new Promise((resolve) => setImmediate(resolve))
  const heard: [number, string][] = []
  output.goBy({ drained: undefined, send: (fd, bytes) => void heard.push([fd, Buffer.from(bytes).toString('latin1')]) })
  expect(heard[0]).toEqual([1, 'kept'])
  expect(heard.at(-1)?.[1]).toMatch(/65536 bytes of output were lost/)
  stderr.write('after')
  await new Promise((resolve) => setImmediate(resolve))
  expect(heard.at(-1)).toEqual([2, 'after'])
  stdout.end()
  stderr.end()
  await output.rest()
})
