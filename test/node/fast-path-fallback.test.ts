import { type Connection, type Libp2p, type Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { describe, expect, test } from 'vitest'
import { fastEncrypter, fastMuxer } from '../../node/fast-path/fast-path.ts'
import { missingField, missingStreamField } from '../../node/fast-path/private-fields.ts'
import { redirectLogs, setLogLevel } from '../../node/log.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { hostPair, Sink } from './fast-path-pair.ts'

expectNothingLeft()

const PROTOCOL = '/greenroom-test/fallback/1'

/** Without a field, or with another value in it, for whoever looks at the object from outside; it works as before. */
function hiding<T extends object>(target: T, field: string, instead?: unknown): T {
  return new Proxy(target, {
    get: (object, key) => {
      if (key === field) return instead
      const value = Reflect.get(object, key, object) as unknown
      // a log is a function with functions on it
      return typeof value === 'function' && key !== 'log' ? value.bind(object) : value
    },
    set: (object, key, value) => Reflect.set(object, key, value, object),
  })
}

const MESSAGE_STREAM =
  'status readStatus writeStatus remoteWriteStatus writableNeedsDrain sendingData readBuffer writeBuffer listenerCount send onData abort'.split(
    ' ',
  )
const BYTE_LIST = ['byteLength', 'append', 'consume', 'subarray']
const of = (owner: string, fields: readonly string[]): string[] => fields.map((field) => `${owner}.${field}`)

const CONNECTION_FIELDS = [
  ...of('noise', [...MESSAGE_STREAM, 'stream', 'handshake', 'decoder', 'sendData']),
  ...of('noise.readBuffer', BYTE_LIST),
  ...of('noise.writeBuffer', BYTE_LIST),
  ...of('noise.handshake', ['encrypt', 'decrypt']),
  'noise.decoder.buffer',
  ...of('noise.decoder.buffer', BYTE_LIST),
  ...of('noise.stream', [...MESSAGE_STREAM, 'socket']),
  ...of('noise.stream.readBuffer', BYTE_LIST),
  ...of('noise.stream.writeBuffer', BYTE_LIST),
  ...of('noise.stream.socket', ['write', 'cork', 'uncork']),
  ...of('muxer', ['status', 'decoder', 'streams', 'streamOptions', 'onData', 'handleFrame', '_newStream', 'abort']),
  'muxer.decoder.buffer',
  ...of('muxer.decoder.buffer', BYTE_LIST),
  'muxer.streams.some',
  'muxer.streamOptions.maxStreamWindowSize',
]
const STREAM_FIELDS = [
  ...MESSAGE_STREAM,
  'streamId',
  'state',
  'sendWindowCapacity',
  'recvWindow',
  'recvWindowCapacity',
  'sendWindowUpdate',
  'handleWindowUpdate',
  'handleData',
  'addEventListener',
  ...of('readBuffer', BYTE_LIST),
  ...of('writeBuffer', BYTE_LIST),
]

/** An object of objects in which the one field at the end of the path is hidden. */
function without(root: object, path: readonly string[], instead?: unknown): object {
  const [field, ...rest] = path
  if (rest.length === 0) return hiding(root, field!, instead)
  return hiding(root, field!, without((root as Record<string, object>)[field!]!, rest, instead))
}

describe('a private field that is missing, or of another shape, is named', () => {
  test('of a connection', async () => {
    await using pair = await hostPair('off', 'off')
    const parts = { noise: pair.near.noise, muxer: pair.near.muxer }
    expect(missingField(parts.noise, parts.muxer)).toBe(undefined)
    for (const field of CONNECTION_FIELDS) {
      for (const instead of [undefined, null, Symbol('another shape')]) {
        const [owner, ...path] = field.split('.') as ['noise' | 'muxer', ...string[]]
        const hidden = { ...parts, [owner]: without(parts[owner], path, instead) }
        expect([field, missingField(hidden.noise, hidden.muxer)]).toEqual([field, field])
      }
    }
    expect(missingField(hiding(parts.noise, 'metrics', {}), parts.muxer)).toBe('noise.metrics')
    expect(missingField(undefined, parts.muxer)).toBe('noise')
    expect(missingField(parts.noise, null)).toBe('muxer')
  })

  test('of a stream', async () => {
    await using pair = await hostPair('off', 'off')
    const [near] = await pair.open()
    expect(missingStreamField(near)).toBe(undefined)
    for (const field of STREAM_FIELDS)
      expect(missingStreamField(without(near, field.split('.')))).toBe(`stream.${field}`)
  })
})

type Encrypter = ReturnType<typeof noise>
type MuxerFactory = ReturnType<typeof yamux>

const stockMuxer = (): MuxerFactory => yamux({ streamOptions: { maxStreamWindowSize: 1024 * 1024 } })

async function node(encrypter: Encrypter, muxer: MuxerFactory): Promise<Libp2p> {
  return await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [encrypter],
    streamMuxers: [muxer],
    connectionMonitor: { enabled: false },
  })
}

/** A multiplexer of which, or of whose connection, the fast path does not see a field. */
function muxerWithout(path: readonly string[]): MuxerFactory {
  return () => {
    const factory = stockMuxer()()
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer = create(connection)
      const [owner, ...rest] = path
      if (owner === 'stream') {
        const inner = muxer as unknown as { _newStream(...args: unknown[]): object }
        const newStream = inner._newStream.bind(muxer)
        inner._newStream = (...args) => without(newStream(...args), rest)
        return muxer
      }
      return without(muxer, rest) as typeof muxer
    }
    return factory
  }
}

/** An encrypter whose connections do not show a field. */
function encrypterWithout(path: readonly string[]): Encrypter {
  return (components) => {
    const encrypter = noise()(components)
    if (path[0] === 'crypto') return hiding(encrypter, 'crypto')
    for (const method of ['secureInbound', 'secureOutbound'] as const) {
      const secure = encrypter[method].bind(encrypter) as (...args: unknown[]) => Promise<{ connection: object }>
      Object.assign(encrypter, {
        [method]: async (...args: unknown[]) => {
          const secured = await secure(...args)
          return { ...secured, connection: without(secured.connection, path) }
        },
      })
    }
    return encrypter
  }
}

describe('a connection without such a field runs the stock path, and says so once at debug', () => {
  test.each([
    ['noise.crypto', encrypterWithout(['crypto']), stockMuxer()],
    ['noise.handshake', encrypterWithout(['handshake']), stockMuxer()],
    ['noise.decoder', encrypterWithout(['decoder']), stockMuxer()],
    ['noise.stream.socket', encrypterWithout(['stream', 'socket']), stockMuxer()],
    ['muxer.decoder', noise(), muxerWithout(['muxer', 'decoder'])],
    ['muxer.handleFrame', noise(), muxerWithout(['muxer', 'handleFrame'])],
    ['muxer._newStream', noise(), muxerWithout(['muxer', '_newStream'])],
    ['muxer.streamOptions', noise(), muxerWithout(['muxer', 'streamOptions'])],
    ['stream.state', noise(), muxerWithout(['stream', 'state'])],
    ['stream.recvWindowCapacity', noise(), muxerWithout(['stream', 'recvWindowCapacity'])],
  ] as const)('%s', async (field, encrypter, muxer) => {
    const lines: string[] = []
    const restore = redirectLogs((line) => lines.push(line))
    setLogLevel('debug')
    const a = await node(fastEncrypter(encrypter), fastMuxer(muxer))
    const b = await node(fastEncrypter(noise()), fastMuxer(stockMuxer()))
    try {
      const arrived: Stream[] = []
      await b.handle(PROTOCOL, (stream) => {
        stream.addEventListener('message', (event) => stream.send(event.data))
        arrived.push(stream)
      })
      const connection: Connection = await a.dial(b.getMultiaddrs())
      const stream = await connection.newStream(PROTOCOL)
      const sink = new Sink(stream)
      for (const size of [10, 1_000, 100_000]) stream.send(new Uint8Array(size))
      await eventually('the echo arrives', () => sink.bytes === 101_010)
      await stream.close()
      expect(lines.filter((line) => line.includes(`'${field}'`))).toHaveLength(1)
    } finally {
      setLogLevel('warn')
      restore()
      await a.stop()
      await b.stop()
    }
  })
})
