import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  type Door,
  DOOR_PROTOCOL,
  MAX_QUESTION_BYTES,
  MAX_VISITS,
  VISIT_TIMEOUT_MS,
  visitDoor,
} from '../../node/door.ts'
import { type Host, startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft()

const key = new Uint8Array(randomBytes(32))
const secret = new Uint8Array(randomBytes(32))

/** A host with a door that answers as told; default with what it was asked, and by whom. */
async function hostWithDoor(
  answer: Door['answer'] = async (question, peer) => Buffer.from(`${Buffer.from(question).toString()} ${peer}`),
): Promise<Host & AsyncDisposable> {
  const host = await startHost({ identity: await openIdentity(), secret, door: { keys: () => [key], answer } })
  return Object.assign(host, { [Symbol.asyncDispose]: async () => await host.stop() })
}

const ports = (host: Host): string[] => host.addresses().filter((address) => address.includes('/tcp/'))

describe('the door of a host', () => {
  test('answers one question of whoever has its key, and knows who asks', async () => {
    await using host = await hostWithDoor()
    const identity = await openIdentity()
    const answer = await visitDoor(ports(host), identity, key, Buffer.from('may I'))
    expect(Buffer.from(answer).toString()).toBe(`may I ${identity.peerId}`)
  })

  test('a visitor never becomes a connection of the host', async () => {
    const asked = Promise.withResolvers<void>()
    const answered = Promise.withResolvers<void>()
    await using host = await hostWithDoor(async () => {
      asked.resolve()
      await answered.promise
      return Buffer.from('no')
    })
    const met: string[] = []
    host.onConnect((peer) => met.push(peer))
    const identity = await openIdentity()
    const visit = visitDoor(ports(host), identity, key, Buffer.from('may I'))
    await within('the question', asked.promise)
    expect(host.isConnected(identity.peerId)).toBe(false)
    answered.resolve()
    await visit
    expect(met).toEqual([])
  })

  test('with another key nobody gets as far as to ask', async () => {
    let questions = 0
    await using host = await hostWithDoor(async () => {
      questions++
      return Buffer.from('yes')
    })
    const wrong = new Uint8Array(randomBytes(32))
    await expect(visitDoor(ports(host), await openIdentity(), wrong, Buffer.from('hi'))).rejects.toThrow(/./)
    expect(questions).toBe(0)
  })

  test('a host without one turns visitors away, and members do not notice', async () => {
    await using host = await hostWithDoor()
    const closed = await startHost({ identity: await openIdentity(), secret })
    await expect(visitDoor(ports(closed), await openIdentity(), key, Buffer.from('hi'))).rejects.toThrow(/./)
    await closed.connect(host.peerId, host.addresses())
    expect(closed.isConnected(host.peerId)).toBe(true)
    await closed.stop()
  })

  test('the addresses are tried one after the other, and what failed at each is told', async () => {
    await using host = await hostWithDoor()
    const gone = '/ip4/127.0.0.1/tcp/1'
    const answer = await visitDoor([gone, ...ports(host)], await openIdentity(), key, Buffer.from('hi'))
    expect(answer.byteLength).toBeGreaterThan(0)
    const failed = visitDoor([gone, '/ip4/127.0.0.1/tcp/2'], await openIdentity(), key, Buffer.from('hi'))
    await expect(failed).rejects.toMatchObject({ errors: [expect.any(Error), expect.any(Error)] })
  })

  test('a question above MAX_QUESTION_BYTES is not heard', async () => {
    let questions = 0
    await using host = await hostWithDoor(async () => {
      questions++
      return Buffer.from('yes')
    })
    const identity = await openIdentity()
    await expect(visitDoor(ports(host), identity, key, randomBytes(MAX_QUESTION_BYTES + 1))).rejects.toThrow(/./)
    expect(questions).toBe(0)
  })

  test('MAX_VISITS are answered at a time, one more is turned away, and there is room again when they leave', async () => {
    const open = Promise.withResolvers<void>()
    let inside = 0
    await using host = await hostWithDoor(async () => {
      inside++
      await open.promise
      return Buffer.from('yes')
    })
    const visit = async (): Promise<Uint8Array> =>
      await visitDoor(ports(host), await openIdentity(), key, Buffer.from('hi'))
    const visits = Array.from({ length: MAX_VISITS }, visit)
    await eventually('all are at the door', () => inside === MAX_VISITS)
    await expect(visit()).rejects.toThrow(/./)
    open.resolve()
    await within('the visits', Promise.all(visits))
    await within('one more', visit())
  })

  test('who says nothing is shown out within VISIT_TIMEOUT_MS', async () => {
    await using host = await hostWithDoor()
    const [, port] = /\/tcp\/(\d+)/.exec(ports(host)[0]!)!
    const socket = connect(Number(port), '127.0.0.1')
    const line = (text: string): Buffer => Buffer.concat([Buffer.of(text.length + 1), Buffer.from(`${text}\n`)])
    socket.write(Buffer.concat([line('/multistream/1.0.0'), line(DOOR_PROTOCOL)]))
    socket.resume()
    socket.on('error', () => {})
    await within('the end', new Promise((resolve) => socket.once('close', resolve)), 2 * VISIT_TIMEOUT_MS)
  })
})
