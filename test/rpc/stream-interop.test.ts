import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { pipe } from 'it-pipe'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type InProcessMesh, meshInProcess } from '../support/mesh-in-process.ts'
import { within } from '../support/within.ts'
import type { Portal } from '../../rpc/portal.ts'
import { count, events, flood, resetStage, stage } from './fixtures/stage.ts'

let mesh: InProcessMesh
let portal: Portal

beforeAll(async () => {
  mesh = await meshInProcess([stage])
  portal = mesh.actors[0]!.portalTo(mesh.actors[1]!)
})
afterAll(async () => await mesh[Symbol.asyncDispose]())
beforeEach(resetStage)

describe('a remote stream composes', () => {
  test("with Node's Readable.from, to the end and cut short", async () => {
    expect(await within('all', Readable.from(portal.run(count, 2_000)).toArray())).toHaveLength(2_000)
    const readable = Readable.from(portal.run(flood))
    await readable.take(3).toArray()
    readable.destroy()
    await eventually('the producer has stopped', () => events.includes('flood cleaned up'))
  })

  test('with web streams', async () => {
    const doubled = ReadableStream.from(portal.run(count, 5)).pipeThrough(
      new TransformStream<number, number>({ transform: (value, controller) => controller.enqueue(2 * value) }),
    )
    expect(await within('all', Array.fromAsync(doubled))).toEqual([0, 2, 4, 6, 8])
    const reader = ReadableStream.from(portal.run(flood)).getReader()
    await reader.read()
    await within('the cancel', reader.cancel())
    await eventually('the producer has stopped', () => events.includes('flood cleaned up'))
  })

  test('with pipeline, whose failure stops the producer', async () => {
    let sum = 0
    const add = new Writable({ objectMode: true, write: (value: number, _, done) => { sum += value; done() } }) // oxfmt-ignore
    const triple = new Transform({ objectMode: true, transform: (value: number, _, done) => done(null, 3 * value) })
    await within('the pipeline', pipeline(portal.run(count, 100), triple, add))
    expect(sum).toBe(14_850)
    const failing = new Writable({ objectMode: true, write: (_chunk, _, done) => done(new RangeError('full')) })
    await expect(within('the pipeline', pipeline(portal.run(flood, 10), failing))).rejects.toThrow('full')
    await eventually('the producer has stopped', () => events.includes('flood cleaned up'))
  })

  test('with it-pipe and the generators that it-map and its kin are', async () => {
    async function* take<T>(source: AsyncIterable<T>, most: number): AsyncGenerator<T> {
      let taken = 0
      for await (const item of source) {
        if (taken++ === most) return
        yield item
      }
    }
    const items = await within(
      'the pipe',
      pipe(portal.run(flood, 1), (source) => take(source, 3), async (source) => await Array.fromAsync(source)), // oxfmt-ignore
    )
    expect(items).toEqual(['x', 'x', 'x'])
    await eventually('the producer has stopped', () => events.includes('flood cleaned up'))
  })

  test('with subscriptions of one stream', async () => {
    const stream = portal.run(count, 50)
    const [readable, web] = [Readable.from(stream.subscribe()), ReadableStream.from(stream.subscribe())]
    const [a, b] = await within('both', Promise.all([readable.toArray(), Array.fromAsync(web)]))
    expect(a).toEqual(b)
    expect(a).toHaveLength(50)
  })
})
