import type { ConnectionEncrypter, StreamMuxerFactory } from '@libp2p/interface'
import { areaLog } from '../log.ts'
import { fastCiphers, type NoiseCiphers } from './ciphers.ts'
import { FastConnection } from './fast-connection.ts'
import { type Muxer, missingField, type NoiseConnection } from './private-fields.ts'

const log = areaLog('node')

/** Connections whose handshake takes the ciphers of the fast path. */
const prepared = new WeakSet<object>()

/** Gives the connections that an encrypter makes the ciphers of the fast path. */
export function fastEncrypter<C, E extends ConnectionEncrypter>(make: (components: C) => E): (components: C) => E {
  return (components) => {
    const noise = make(components) as E & { crypto?: Partial<NoiseCiphers> }
    const { crypto } = noise
    if (typeof crypto?.encrypt !== 'function' || typeof crypto.decrypt !== 'function') {
      runStock('noise.crypto')
      return noise
    }
    noise.crypto = { ...crypto, ...fastCiphers(crypto as NoiseCiphers) }
    const secureInbound = noise.secureInbound.bind(noise)
    const secureOutbound = noise.secureOutbound.bind(noise)
    noise.secureInbound = async (...args) => prepare(await secureInbound(...args))
    noise.secureOutbound = async (...args) => prepare(await secureOutbound(...args))
    return noise
  }
}

/** Takes the multiplexers that a factory makes over such connections past the layers of events. */
export function fastMuxer<M extends StreamMuxerFactory>(make: () => M): () => M {
  return () => {
    const factory = make()
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer = createStreamMuxer(connection)
      if (!prepared.has(connection)) return muxer
      const missing = missingField(connection, muxer)
      if (missing === undefined)
        new FastConnection(connection as unknown as NoiseConnection, muxer as unknown as Muxer, runStock)
      else runStock(missing)
      return muxer
    }
    return factory
  }
}

function prepare<S extends { connection: object }>(secured: S): S {
  prepared.add(secured.connection)
  return secured
}

function runStock(field: string): void {
  log.debug(`the fast path is off: '${field}' is missing or of another shape in this version of libp2p`)
}
