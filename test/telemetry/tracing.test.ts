import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AlwaysOffSampler, type ReadableSpan, type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { broadcast, members } from '../../index.ts'
import { outsideScopes } from '../../node/cancel-scope.ts'
import { redirectLogs } from '../../node/log.ts'
import { cancelScope, moveOnAfter } from '../../node/scopes.ts'
import { setTracing, tracing } from '../../node/tracing.ts'
import { openTelemetryTracing } from '../../telemetry/tracer.ts'
import {
  add,
  count,
  countAlong,
  countThenRaise,
  deaf,
  doubler,
  flood,
  giveBytes,
  hang,
  hangAlong,
  portals,
  raise,
  raiseAlong,
  remainingAlong,
  resetStage,
  stage,
} from '../rpc/fixtures/stage.ts'
import { openTestMesh } from '../../testing/index.ts'
import { eventually } from '../support/eventually.ts'
import { failureOf } from '../support/failure-of.ts'
import { type InProcessActor, type InProcessMesh, meshInProcess, newTree } from '../support/mesh-in-process.ts'
import { drawn, startTracingSdk, type TracingSdk } from './support/tracing-sdk.ts'

let mesh: InProcessMesh
let a: InProcessActor
let b: InProcessActor
let c: InProcessActor
let sdk: TracingSdk

beforeAll(async () => {
  // each in a tree of its own: none is sent the stacks of another
  mesh = await meshInProcess([stage], 3, [newTree(), newTree(), newTree()])
  ;[a, b, c] = mesh.actors as [InProcessActor, InProcessActor, InProcessActor]
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
afterEach(() => {
  sdk[Symbol.dispose]()
  resetStage()
})

function start(sampler?: Sampler): void {
  sdk = startTracingSdk(sampler)
  portals.set('b', a.portalTo(b)).set('c', b.portalTo(c))
}

function line({ kind, attributes, name }: ReadableSpan): string {
  return `${SpanKind[kind]} ${String(attributes['greenroom.actor.name'])} ${name}`
}

async function only(kind: SpanKind, count: number): Promise<ReadableSpan> {
  return (await sdk.spans(count)).find((span) => span.kind === kind)!
}

describe('a trace', () => {
  test('goes on from actor to actor, and its ends know each other', async () => {
    start()
    const tracer = trace.getTracer('test')
    await tracer.startActiveSpan('the program', async (span) => {
      await a.portalTo(b).run(remainingAlong, ['c'], 1)
      span.end()
    })
    const spans = await sdk.spans(5)
    expect(drawn(spans, line)).toEqual([
      'INTERNAL undefined the program',
      '  CLIENT a stage#remainingAlong',
      '    SERVER b stage#remainingAlong',
      '      CLIENT b stage#remainingAlong',
      '        SERVER c stage#remainingAlong',
    ])
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
    const client = spans.find((span) => line(span) === 'CLIENT b stage#remainingAlong')
    expect(client?.attributes).toEqual({
      'rpc.system.name': 'greenroom',
      'rpc.method': 'stage#remainingAlong',
      'greenroom.call.kind': 'value',
      'greenroom.actor.name': 'b',
      'greenroom.actor.id': b.id,
      'greenroom.peer.name': 'c',
      'greenroom.peer.id': c.id,
      'greenroom.outcome': 'succeeded',
    })
  })

  test('begins anew with each call of a program that is in none', async () => {
    start()
    await a.portalTo(b).run(add, 1, 2)
    await a.portalTo(b).run(add, 1, 2)
    const spans = await sdk.spans(4)
    expect(drawn(spans, line)).toEqual([
      'CLIENT a stage#add',
      '  SERVER b stage#add',
      'CLIENT a stage#add',
      '  SERVER b stage#add',
    ])
  })

  test('is carried beside arguments and results of every size, by calls whose arguments stream, and by their retries', async () => {
    start()
    await a.portalTo(b).call('stage#echo', 'x'.repeat(300_000))
    await a.portalTo(b).run(giveBytes, 300_000)
    await a.portalTo(b).with({ retry: 'idempotent' }).run(add, 1, 2)
    await a.portalTo(b).call('stage#secondArgument', (async function* nothing() {})(), 'x')
    expect(drawn(await sdk.spans(8), line)).toEqual([
      'CLIENT a stage#echo',
      '  SERVER b stage#echo',
      'CLIENT a stage#giveBytes',
      '  SERVER b stage#giveBytes',
      'CLIENT a stage#add',
      '  SERVER b stage#add',
      'CLIENT a stage#secondArgument',
      '  SERVER b stage#secondArgument',
    ])
  })

  test('that nobody samples is not sampled by those who are called either', async () => {
    start(new AlwaysOffSampler())
    const seen: unknown[] = []
    await a.portalTo(b).run(add, 1, 2)
    setTracing(undefined)
    trace.disable()
    const asked: Sampler = {
      shouldSample: (parent) => {
        seen.push(trace.getSpanContext(parent)?.traceFlags)
        return { decision: SamplingDecision.NOT_RECORD }
      },
      toString: () => 'asked',
    }
    sdk[Symbol.dispose]()
    start(asked)
    await a.portalTo(b).run(add, 1, 2)
    // the caller's own span has no parent, the callee's has one that says no
    expect(seen).toEqual([undefined, 0])
  })

  test('keeps the state that others have put into it', async () => {
    start()
    const text = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 vendor=value,other=1'
    const span = tracing!.start('inner', { kind: 'internal', attributes: {}, from: text })
    expect(span.trace).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01 vendor=value,other=1$/)
    span.end('succeeded')
  })

  test('does not go on in what outlives the work that opened it', async () => {
    start()
    const outer = tracing!.start('outer', { kind: 'internal', attributes: {} })
    outer.run(() => {
      expect(tracing!.trace).toBe(outer.trace)
      expect(outsideScopes(() => tracing!.trace)).toBeUndefined()
    })
    outer.end('succeeded')
  })
})

describe('the span of a stream tells', () => {
  test('at both ends how many items and bytes have gone over it', async () => {
    start()
    const items = await Array.fromAsync(a.portalTo(b).run(count, 1_000))
    expect(items).toHaveLength(1_000)
    const spans = await sdk.spans(2)
    const [client, server] = [SpanKind.CLIENT, SpanKind.SERVER].map((kind) => spans.find((span) => span.kind === kind)!)
    expect(client!.attributes).toMatchObject({
      'greenroom.call.kind': 'stream',
      'greenroom.stream.items.received': 1_000,
      'greenroom.stream.items.sent': 0,
    })
    expect(server!.attributes).toMatchObject({
      'greenroom.stream.items.received': 0,
      'greenroom.stream.items.sent': 1_000,
    })
    expect(client!.attributes['greenroom.stream.bytes.received']).toBeGreaterThan(1_000)
  })

  test('that it was left, which is no error', async () => {
    start()
    for await (const _ of a.portalTo(b).run(flood)) break
    const spans = await sdk.spans(2)
    for (const { status, attributes } of spans) {
      expect(status.code).toBe(SpanStatusCode.UNSET)
      expect(attributes).toMatchObject({ 'greenroom.outcome': 'cancelled', 'greenroom.cancelled.by': 'the consumer' })
    }
  })

  test('what the producer raised', async () => {
    start()
    await failureOf(Array.fromAsync(a.portalTo(b).run(countThenRaise, 3)))
    for (const { status, attributes } of await sdk.spans(2)) {
      expect(status.code).toBe(SpanStatusCode.ERROR)
      expect(attributes).toMatchObject({ 'greenroom.outcome': 'failed', 'error.type': 'RangeError' })
    }
  })

  test('of streams of streams, and of contexts, both directions', async () => {
    start()
    await Array.fromAsync(a.portalTo(b).run(countAlong, ['c'], 5))
    expect(drawn(await sdk.spans(4), line)).toEqual([
      'CLIENT a stage#countAlong',
      '  SERVER b stage#countAlong',
      '    CLIENT b stage#countAlong',
      '      SERVER c stage#countAlong',
    ])
    sdk.forget()
    {
      await using twice = await a.portalTo(b).openContext(doubler)
      const stream = twice.stream()
      for (const value of [1, 2, 3]) await stream.send(value)
      stream.end()
      expect(await Array.fromAsync(stream)).toEqual([2, 4, 6])
      await twice.result()
    }
    for (const { attributes } of await sdk.spans(2))
      expect(attributes).toMatchObject({
        'greenroom.call.kind': 'context',
        'greenroom.stream.items.received': 3,
        'greenroom.stream.items.sent': 3,
      })
  })
})

describe('an error', () => {
  test('is an event with its class and message at each end, and with its stack where it was raised', async () => {
    start()
    await failureOf(a.portalTo(b).run(raise, 'range'))
    const spans = await sdk.spans(2)
    for (const span of spans) {
      expect(span.status.code).toBe(SpanStatusCode.ERROR)
      expect(span.attributes).toMatchObject({ 'greenroom.outcome': 'failed', 'error.type': 'RangeError' })
      expect(span.events.map(({ name }) => name)).toEqual(['exception'])
    }
    const [client, server] = [SpanKind.CLIENT, SpanKind.SERVER].map(
      (kind) => spans.find((span) => span.kind === kind)!.events[0]!.attributes!,
    )
    expect(server!['exception.message']).toBe('RangeError: boom')
    expect(server!['exception.stacktrace']).toContain('stage.ts')
    expect(client!['exception.message']).toContain('boom')
    expect(client!).not.toHaveProperty('exception.stacktrace')
  })

  test('of an actor of another tree has no stack in the spans of those whom it passes', async () => {
    start()
    await failureOf(a.portalTo(b).run(raiseAlong, ['c'], 'range'))
    const spans = await sdk.spans(4)
    const stacks = spans.filter((span) => span.events[0]?.attributes?.['exception.stacktrace'] !== undefined)
    expect(stacks.map(line)).toEqual(['SERVER c stage#raiseAlong'])
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(Array(4).fill('RangeError'))
  })

  test('that is larger than a span should be is cut, and one that has no words is told all the same', async () => {
    start()
    await failureOf(a.portalTo(b).run(raise, 'huge'))
    await failureOf(a.portalTo(b).run(raise, 'value'))
    for (const { events, status } of await sdk.spans(4)) {
      expect(status.message!.length).toBeLessThanOrEqual(1_000)
      expect(JSON.stringify(events).length).toBeLessThan(20_000)
    }
  })

  test('of a call that is not even sent ends its span', async () => {
    start()
    const nobody = { name: 'nobody', id: (await mesh.rawHost()).peerId, addresses: ['/ip4/127.0.0.1/tcp/1'] }
    await failureOf(a.rpc.portal(nobody).run(add, 1, 2))
    await failureOf(Array.fromAsync(a.rpc.portal(nobody).run(count, 2)))
    await failureOf(a.rpc.portal(nobody).openContext(doubler))
    const spans = await sdk.spans(3)
    expect(spans.map(({ attributes }) => attributes['error.type'])).toEqual(Array(3).fill('ACTOR_DIED'))
  })
})

describe('what was cancelled', () => {
  test('says by whom and why along the whole trace, and is no error', async () => {
    start()
    await cancelScope(async (scope) => {
      setTimeout(() => scope.cancel('enough'), 50)
      await a.portalTo(b).run(hangAlong, ['c'])
    })
    for (const { status, attributes } of await sdk.spans(4)) {
      expect(status.code).toBe(SpanStatusCode.UNSET)
      expect(attributes).toMatchObject({
        'greenroom.outcome': 'cancelled',
        'greenroom.cancelled.why': 'enough',
      })
    }
  })

  test('by a deadline is an error in the actors that were too slow', async () => {
    start()
    await moveOnAfter(50, async () => await a.portalTo(b).run(hang))
    const spans = await sdk.spans(2)
    expect(spans.map(({ attributes }) => attributes['greenroom.outcome'])).toEqual(['cancelled', 'cancelled'])
    for (const { kind, attributes } of spans)
      expect(String(attributes['greenroom.cancelled.why'])).toMatch(
        kind === SpanKind.CLIENT ? /50 ms were over/ : /50 ms were over|the caller's deadline/,
      )
  })

  test('by a time limit of the call is an error with that as its type', async () => {
    start()
    await failureOf(a.portalTo(b).with({ timeout: 30 }).run(hang))
    const client = await only(SpanKind.CLIENT, 2)
    expect(client.status.code).toBe(SpanStatusCode.ERROR)
    expect(client.attributes).toMatchObject({ 'greenroom.outcome': 'cancelled', 'error.type': 'DEADLINE_EXCEEDED' })
  })

  test('and is not heard over there ends here in time all the same', async () => {
    start()
    await failureOf(a.portalTo(b).with({ timeout: 30 }).run(deaf))
    expect((await sdk.spans(1)).map(line)).toEqual(['CLIENT a stage#deaf'])
  })
})

test('a broadcast is above the calls that it makes', async () => {
  start()
  await using testing = await openTestMesh()
  for (const name of ['alto', 'bass']) await testing.startActor(name, { modules: [stage], groups: ['choir'] })
  await testing.act(async () => {
    await eventually('both are known', () => members('choir').length === 2)
    sdk.forget()
    await broadcast({ group: 'choir' }, add, 1, 2)
  })
  const spans = (await sdk.spans(3)).filter(({ name }) => name === 'broadcast' || name === 'stage#add')
  expect(drawn(spans, line).toSorted()).toEqual([
    '  SERVER alto stage#add',
    '  SERVER bass stage#add',
    'INTERNAL test broadcast',
  ])
  expect(spans.find(({ name }) => name === 'broadcast')?.attributes).toMatchObject({
    'rpc.method': 'stage#add',
    'greenroom.broadcast.actors': 2,
  })
})

test('an SDK that throws costs a warning, and no call', async () => {
  start({
    shouldSample: () => {
      throw new Error('a bad sampler')
    },
    toString: () => 'bad',
  })
  const lines: string[] = []
  const undo = redirectLogs((text) => lines.push(text))
  try {
    expect(await a.portalTo(b).run(add, 1, 2)).toBe(3)
  } finally {
    undo()
  }
  expect(lines).toHaveLength(2)
  expect(lines[0]).toContain('a span could not be started: Error: a bad sampler')
  expect(await sdk.spans(0)).toEqual([])
})

test('an SDK without a context manager is given both ends of each call', async () => {
  start()
  context.disable()
  setTracing(openTelemetryTracing())
  await a.portalTo(b).run(add, 1, 2)
  expect(drawn(await sdk.spans(2), line)).toEqual(['CLIENT a stage#add', '  SERVER b stage#add'])
})
