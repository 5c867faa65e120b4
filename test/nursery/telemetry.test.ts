import { afterAll, expect, test } from 'vitest'
import { context, metrics, trace } from '@opentelemetry/api'
import {
  BootFailed,
  currentActor,
  failAfter,
  getArbiter,
  GreenroomError,
  InvalidArgument,
  joinMesh,
  openNursery,
  readVitals,
} from '../../index.ts'
import { setTracing } from '../../node/tracing.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { failureOf } from '../support/failure-of.ts'
import { deadline } from '../support/headroom.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { hasApi, recorded, recordedMetric, recordedSpans } from './fixtures/recorded.ts'

useRuntimeDir()
expectNothingLeft()

const sdk = new URL('./fixtures/recording-sdk.ts', import.meta.url).href
const broken = new URL('./fixtures/throws-on-import.ts', import.meta.url).href

// A module is imported once: what one test has preloaded stays for the others.
afterAll(() => {
  setTracing(undefined)
  trace.disable()
  metrics.disable()
  context.disable()
})

async function scrape(): Promise<string> {
  return await (await fetch(currentActor().metricsUrl!)).text()
}

test('a root serves its metrics and those of the actors below it, as long as it is up', async () => {
  let url = ''
  {
    await using mesh = await joinMesh({ name: 'port', metrics: ':0' })
    url = mesh.actor.metricsUrl ?? ''
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    await openNursery(async (nursery) => {
      const [hand] = [
        await nursery.startActor('hand', { modules: [recorded] }),
        await nursery.startActor('thread', { startMethod: 'thread' }),
      ]
      for (let i = 0; i < 5; i++) expect(await hand.run(hasApi)).toBe(false)
      const text = await scrape()
      expect(text).toMatch(
        /^greenroom_server_calls_total\{actor="hand",actor_id="\w{8}",function="recorded#hasApi",outcome="succeeded"\} 5$/m,
      )
      expect(text).toMatch(/^greenroom_children\{actor="port",actor_id="\w{8}",state="running"\} 2$/m)
      for (const actor of ['port', 'hand', 'thread'])
        expect(text).toMatch(new RegExp(`^greenroom_uptime\\{actor="${actor}",actor_id="\\w{8}"\\} [\\d.]+$`, 'm'))
      expect(text).toMatch(/^greenroom_scrape_silent 0$/m)
      expect(text).toMatch(/^libp2p_connection_manager_connections\{.*\} \d+$/m)
      const taken = await failureOf(joinMesh({ metrics: url.slice(7, -8) }))
      expect(taken).toMatchObject({ code: 'METRICS_ADDRESS' })
      nursery.cancel()
    })
  }
  expect(await failureOf(fetch(url))).toBeInstanceOf(TypeError)
})

test('an address that is none is refused before anything starts', async () => {
  expect(await failureOf(joinMesh({ metrics: 'everywhere' }))).toBeInstanceOf(InvalidArgument)
  expect(await failureOf(joinMesh({ metrics: '192.0.2.1:0' }))).toBeInstanceOf(GreenroomError)
})

test('what is preloaded has an SDK in every actor: spawns, joins and elections are spans, and metrics are read', async () => {
  await using mesh = await joinMesh({ name: 'port', mesh: 'traced', preload: [sdk] })
  await failAfter(deadline(5_000), getArbiter)
  await openNursery(async (nursery) => {
    const tracer = trace.getTracer('test')
    const outer = tracer.startSpan('outer')
    const hand = await context.with(
      trace.setSpan(context.active(), outer),
      async () => await nursery.startActor('hand', { modules: [recorded] }),
    )
    outer.end()
    const [join] = await hand.run(recordedSpans)
    const own = await recordedSpans()
    const spawn = own.find(({ name }) => name === 'spawn')!
    expect(spawn.parent).toBe(outer.spanContext().spanId)
    expect(spawn.attributes).toMatchObject({
      'greenroom.actor.name': 'port',
      'greenroom.child.name': 'hand',
      'greenroom.child.id': hand.id,
      'greenroom.child.start_method': 'process',
      'greenroom.child.restarts': 0,
      'greenroom.outcome': 'succeeded',
    })
    expect(join).toMatchObject({ name: 'join', parent: spawn.id, trace: outer.spanContext().traceId })
    expect(join!.attributes).toMatchObject({
      'greenroom.actor.name': 'hand',
      'greenroom.mesh': 'traced',
      'greenroom.root.id': mesh.actor.id,
      'greenroom.depth': 1,
    })
    expect(own.find(({ name }) => name === 'join')?.parent).toBeUndefined()
    expect(own.find(({ name }) => name === 'election')?.attributes).toMatchObject({
      'greenroom.actor.name': 'port',
      'greenroom.election.result': 'won',
      'greenroom.outcome': 'succeeded',
    })
    const children = { 'greenroom.actor.name': 'port', 'greenroom.actor.id': mesh.actor.id, state: 'running' }
    expect(await recordedMetric('greenroom.children')).toContainEqual([1, children])
    const calls = await hand.run(recordedMetric, 'greenroom.server.calls')
    expect(calls).toContainEqual([
      1,
      {
        'greenroom.actor.name': 'hand',
        'greenroom.actor.id': hand.id,
        function: 'recorded#recordedSpans',
        outcome: 'succeeded',
      },
    ])
    nursery.cancel()
  })
})

test('a restart is one more spawn, and one that fails says why', async () => {
  await using _mesh = await joinMesh({ name: 'port', preload: [sdk] })
  await openNursery(
    async (nursery) => {
      const before = (await recordedSpans()).length
      const hand = await nursery.startActor('hand', { modules: [recorded] })
      const { pid } = await readVitals(hand)
      process.kill(pid, 'SIGKILL')
      const spawns = async (): Promise<unknown[]> =>
        (await recordedSpans())
          .slice(before)
          .filter(({ name }) => name === 'spawn')
          .map(({ attributes }) => [attributes['greenroom.child.restarts'], attributes['greenroom.outcome']])
      await eventually('it was started again', async () => (await spawns()).length === 2)
      expect(await spawns()).toEqual([
        [0, 'succeeded'],
        [1, 'succeeded'],
      ])
      nursery.cancel()
    },
    { strategy: 'one-for-one' },
  )
  const failed = await failureOf(
    openNursery(async (nursery) => await nursery.startActor('bad', { modules: [{ ...recorded, url: broken }] })),
  )
  expect(failed).toBeInstanceOf(BootFailed)
  const last = (await recordedSpans()).findLast(({ name }) => name === 'spawn')
  expect(last?.attributes).toMatchObject({ 'greenroom.outcome': 'failed', 'error.type': 'BOOT_FAILED' })
})

test('what cannot be preloaded is told at once: of no URL, too many, and one that throws', async () => {
  expect(await failureOf(joinMesh({ preload: ['./otel.ts'] }))).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining("preload[0] is an absolute URL, as import.meta.resolve('./otel.ts') gives it"),
  })
  expect(await failureOf(joinMesh({ preload: Array(17).fill(sdk) }))).toBeInstanceOf(InvalidArgument)
  expect(await failureOf(joinMesh({ preload: [broken] }))).not.toBeInstanceOf(GreenroomError)
})
