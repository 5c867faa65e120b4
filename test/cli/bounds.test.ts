import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { askAll, MAX_ASKED_AT_ONCE } from '../../cli/ask-all.ts'
import { benchService, items, MAX_BENCH_BYTES, MAX_BENCH_MS, measureTo } from '../../cli/bench-service.ts'
import { chooseMesh, DEFAULT_MESH } from '../../cli/choose-mesh.ts'
import { contextsFile, MAX_CONTEXTS_BYTES, readContexts } from '../../cli/contexts.ts'
import { findOne, MAX_CANDIDATES, MIN_ID_CHARACTERS } from '../../cli/find-one.ts'
import {
  MAX_ASKED_A_ROUND,
  MAX_ASKED_A_SECOND_A_HOST,
  MAX_UNSEEN_A_ROUND,
  MeshReader,
  REFRESH_MS,
  ROUND_TRIP_MS,
} from '../../cli/model/mesh-reader.ts'
import type { MeshSight } from '../../cli/mesh-sight.ts'
import { MIN_RATE_MS, ratesBetween } from '../../cli/model/rates.ts'
import { readArguments } from '../../cli/read-arguments.ts'
import { MAX_INPUT_BYTES, MAX_INPUT_LINE_BYTES, readInputLine } from '../../cli/read-input.ts'
import { ID_CHARACTERS, shortId } from '../../cli/text.ts'
import { MAX_VALUE_DEPTH, toJson } from '../../cli/value.ts'
import type { ActorVitals } from '../../index.ts'
import { openTestMesh } from '../../testing/index.ts'
import { failureOf } from '../support/failure-of.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtime = useRuntimeDir()
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllEnvs()
  vi.restoreAllMocks()
})

describe('the bounds of the command', () => {
  test('as many actors are asked at a time, and each gets its answer', async () => {
    let [now, most] = [0, 0]
    const asked = Array.from({ length: 3 * MAX_ASKED_AT_ONCE }, (_, i) => i)
    const answers = await askAll(asked, async (i) => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
      return i
    })
    expect(most).toBe(MAX_ASKED_AT_ONCE)
    expect(answers.map(({ value }) => value)).toEqual(asked)
  })

  /** A mesh of so many actors who answer nothing, and who of them was asked for what. */
  const sightOf = (
    count: number,
    root?: string,
  ): { sight: MeshSight; asked: [id: string, brief: unknown][]; looks: () => number } => {
    const members = Array.from({ length: count }, (_, i) => ({
      id: `x${i}`,
      name: 'x',
      parent: 'y',
      root: root ?? `y${i}`,
      incarnation: 1,
    }))
    const asked: [string, unknown][] = []
    let looks = 0
    const portal = ({ id }: { id: string }): object => ({
      call: async (_what: string, _ms: number, brief: unknown) => void asked.push([id, brief]),
    })
    const sight = {
      refresh: async () => void (looks += 1),
      members: () => members,
      arbiter: () => null,
      portal,
    } as unknown as MeshSight
    return { sight, asked, looks: () => looks }
  }

  test('a round of the model asks so many actors, those first that are looked at, and them alone for everything', async () => {
    const { sight, asked } = sightOf(2 * MAX_ASKED_A_ROUND)
    await new MeshReader(sight).read({ closely: 'x99' })
    expect(asked).toHaveLength(MAX_ASKED_A_ROUND)
    expect(asked[0]).toEqual(['x99', false])
    expect(asked.slice(1).every(([, brief]) => brief === true)).toBe(true)
  })

  test('actors that are not seen are asked in turn, so many in a round, however many there are', async () => {
    const { sight, asked } = sightOf(10 * MAX_UNSEEN_A_ROUND)
    const reader = new MeshReader(sight)
    for (let round = 0; round < 3; round++) await reader.read({ seen: ['x1', 'x2', 'gone'] })
    const ids = asked.map(([id]) => id)
    expect(ids).toHaveLength(3 * (2 + MAX_UNSEEN_A_ROUND))
    expect(ids.filter((id) => id === 'x1')).toHaveLength(3)
    expect(new Set(ids).size).toBe(2 + 3 * MAX_UNSEEN_A_ROUND)
  })

  test('a host is asked so many questions a second, whatever runs there and however often one looks; the actors in turn', async () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] })
    const { sight, asked } = sightOf(12, 'x0')
    const reader = new MeshReader(sight)
    const seen = Array.from({ length: 12 }, (_, i) => `x${i}`)
    for (let round = 0; round < 40; round++) {
      await reader.read({ seen })
      vi.advanceTimersByTime(250)
    }
    expect(asked.length).toBeGreaterThanOrEqual(9 * MAX_ASKED_A_SECOND_A_HOST)
    expect(asked.length).toBeLessThanOrEqual(11 * MAX_ASKED_A_SECOND_A_HOST)
    const times = seen.map((id) => asked.filter(([one]) => one === id).length)
    expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1)
  })

  test('who is there is asked after so long, or when something was heard that changes it', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    const { sight, looks } = sightOf(1)
    const reader = new MeshReader(sight)
    await reader.read()
    await reader.read()
    expect(looks()).toBe(1)
    vi.advanceTimersByTime(REFRESH_MS)
    await reader.read()
    expect(looks()).toBe(2)
    reader.expectChange()
    await reader.read()
    expect(looks()).toBe(3)
  })

  test('the way to a root is measured after so long again', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    let pings = 0
    const root = { id: 'root', name: 'root', root: 'root', parent: null, incarnation: 1 }
    const portal = (): object => ({ call: async () => ({ stats: { uptimeMs: 0 } }), ping: async () => ++pings })
    const sight = {
      refresh: async () => {},
      members: () => [root],
      arbiter: () => null,
      portal,
    } as unknown as MeshSight
    const reader = new MeshReader(sight)
    await reader.read()
    expect(reader.model.actor('root')?.rttMs).toBe(1)
    vi.advanceTimersByTime(ROUND_TRIP_MS)
    await reader.read()
    expect(reader.model.actor('root')?.rttMs).toBe(2)
  })

  test('an error lists so many candidates, and the end of an id has so many characters', () => {
    const actors = Array.from({ length: MAX_CANDIDATES + 5 }, (_, i) => ({ name: 'a', id: `id-${1_000 + i}` }))
    expect(() => findOne(actors, 'a')).toThrow('… and 5 more')
    expect(findOne(actors, '1003').id).toBe('id-1003')
    expect(() => findOne(actors, '1003'.slice(-MIN_ID_CHARACTERS + 1))).toThrow('no actor is called')
    expect(shortId('x'.repeat(60))).toHaveLength(ID_CHARACTERS)
  })

  test('a file of contexts that is larger is not read, and without one the mesh is the usual one', () => {
    vi.stubEnv('XDG_CONFIG_HOME', runtime.path)
    vi.stubEnv('GREENROOM_MESH', '')
    vi.stubEnv('GREENROOM_CONTEXT', '')
    expect(chooseMesh({})).toBe(DEFAULT_MESH)
    mkdirSync(dirname(contextsFile()), { recursive: true })
    writeFileSync(contextsFile(), ' '.repeat(MAX_CONTEXTS_BYTES + 1), { mode: 0o600 })
    expect(() => readContexts()).toThrow(`more than ${MAX_CONTEXTS_BYTES}`)
  })

  test('a value is as deep, and the standard input as large', async () => {
    let deep: unknown = 1
    for (let i = 0; i < MAX_VALUE_DEPTH; i++) deep = [deep]
    expect(() => toJson(deep)).not.toThrow()
    expect(() => toJson([deep])).toThrow('contains itself, or is nested')
    const piece = Buffer.alloc(MAX_INPUT_BYTES / 2 + 1, ' ')
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([piece, piece]) as unknown as typeof process.stdin)
    await expect(readArguments(['-'])).rejects.toThrow(`larger than ${MAX_INPUT_BYTES} bytes`)
    const endless = Readable.from([Buffer.alloc(MAX_INPUT_LINE_BYTES, ' '), Buffer.from(' ')])
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(endless as unknown as typeof process.stdin)
    await expect(readInputLine()).rejects.toThrow(`larger than ${MAX_INPUT_LINE_BYTES} bytes`)
  })

  test('rates are of as long a time at least', () => {
    const at = (uptimeMs: number): ActorVitals =>
      ({
        stats: { since: 0, uptimeMs, served: { latency: { buckets: [] } }, made: {}, bytes: {}, streams: {} },
      }) as unknown as ActorVitals
    expect(ratesBetween(at(0), at(MIN_RATE_MS - 1))).toBeUndefined()
    expect(ratesBetween(at(0), at(MIN_RATE_MS))).toMatchObject({ overMs: MIN_RATE_MS })
  })

  test('a bench has values of so many bytes, and measures for so long', async () => {
    await expect(items(MAX_BENCH_BYTES + 1).next()).rejects.toThrow(`0 to ${MAX_BENCH_BYTES}`)
    const all = items(MAX_BENCH_BYTES)
    expect((await all.next()).value).toHaveLength(MAX_BENCH_BYTES)
    await all.return(undefined)
    await expect(measureTo('x', MAX_BENCH_MS + 1)).rejects.toThrow(`1 to ${MAX_BENCH_MS} ms`)
  })

  test('a member can have another one run one bench at a time, to a member that serves it, and for no longer than its bound', async () => {
    await using mesh = await openTestMesh()
    const [one, two, bare] = [
      await mesh.startActor('one', { modules: [benchService] }),
      await mesh.startActor('two', { modules: [benchService] }),
      await mesh.startActor('bare'),
    ]
    const order = async (target: { readonly id: string }, forMs: number): Promise<unknown> =>
      await one.portal.call('greenroom-bench#measureTo', target.id, forMs)
    await mesh.act(async () => {
      const [first, second] = await Promise.allSettled([order(two, 30), order(two, 30)])
      expect(first).toMatchObject({ status: 'fulfilled', value: { callsPerS: expect.any(Number) as number } })
      expect(second).toMatchObject({ status: 'rejected', reason: { cause: { code: 'BUSY' } } })
      expect(await failureOf(order(bare, 30))).toMatchObject({ cause: { code: 'NOT_EXPOSED' } })
      expect(await failureOf(order({ id: 'nobody' }, 30))).toMatchObject({ cause: { code: 'NO_SUCH_ACTOR' } })
      expect(await failureOf(order(two, MAX_BENCH_MS + 1))).toMatchObject({ cause: { code: 'INVALID_ARGUMENT' } })
    })
  })
})
