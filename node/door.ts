import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { lpStream } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { outsideScopes } from './cancel-scope.ts'
import type { Identity } from './identity.ts'
import { deriveFrom, MAX_SECRETS } from './mesh-secrets.ts'
import { offerKeys, takeOffer } from './offer.ts'

/** What a connection asks for, in the place of `/noise`, to get in by an invitation. */
export const DOOR_PROTOCOL = '/greenroom/door/1'
/** Bytes of what is asked at the door. */
export const MAX_QUESTION_BYTES = 4 * 1024
/** Bytes of what the door answers. */
export const MAX_ANSWER_BYTES = 1024 * 1024
/** Milliseconds that one visit may take, from the handshake to the answer. */
export const VISIT_TIMEOUT_MS = 5_000
/** Visits at a time; more are turned away. */
export const MAX_VISITS = 16
/** Keys that one door has. */
export const MAX_DOOR_KEYS: number = MAX_SECRETS
/** Milliseconds that a visitor has to read its answer and go. */
const LEAVE_MS = 1_000

/** Who lets strangers in. */
export interface Door {
  /** The keys that open it, at most {@link MAX_DOOR_KEYS}, the newest first: 32 bytes that an invitation holds; no mesh secret can be had from them. */
  keys(): readonly Uint8Array[]
  /**
   * @param peer who asks: noise has proved that it has that peer id's key
   * @param key the one that it came with
   */
  answer(question: Uint8Array, peer: string, key: Uint8Array): Promise<Uint8Array>
}

type MakeNoise = ReturnType<typeof noise>
type Components = Parameters<MakeNoise>[0]

/**
 * A second way to encrypt a connection, which never becomes one of the mesh: it carries one question and one answer.
 *
 * Noise takes its prologue before either side has said anything, so a port that lets in members by the mesh secret and
 * strangers by an invitation has to be told beforehand which of the two a connection wants to be.
 */
export function doorEncrypter(door: Door): (components: Components) => ConnectionEncrypter {
  return (components) => {
    let visits = 0
    const secureInbound = async (stream: MessageStream, options: SecureConnectionOptions = {}): Promise<never> => {
      if (visits >= MAX_VISITS) throw new Error(`${MAX_VISITS} visitors are at the door`)
      visits++
      try {
        await receive(door, components, stream, options)
      } finally {
        visits--
      }
      throw new Error('the visit is over')
    }
    const secureOutbound = async (): Promise<never> => await Promise.reject(new Error('members do not visit the door'))
    return { protocol: DOOR_PROTOCOL, secureInbound, secureOutbound }
  }
}

/**
 * Asks at the door of a root; gives its answer.
 *
 * @param addresses multiaddrs, each of which ends in a peer id; they are tried one after the other
 * @throws Error when nobody answers: nobody listens there, or the key is another
 */
export async function visitDoor(
  addresses: readonly string[],
  identity: Identity,
  key: Uint8Array,
  question: Uint8Array,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  return await outsideScopes(async () => {
    let answer: Uint8Array | undefined
    const visitor = (components: Components): ConnectionEncrypter => ({
      protocol: DOOR_PROTOCOL,
      secureInbound: async () => await Promise.reject(new Error('a visitor has no door')),
      secureOutbound: async (stream, options) => {
        await offerKeys(stream, [offerKeyOf(key)], options?.signal === undefined ? {} : { signal: options.signal })
        answer = await ask(doorNoise(key)(components), stream, question, options)
        throw new Error('the visit is over')
      },
    })
    const node = await createLibp2p({
      start: false,
      privateKey: identity.privateKey,
      transports: [tcp()],
      connectionEncrypters: [visitor],
      connectionManager: { dialTimeout: VISIT_TIMEOUT_MS, reconnectRetries: 0 },
      connectionMonitor: { enabled: false },
    })
    await node.start()
    try {
      const failures: unknown[] = []
      for (const address of addresses) {
        await node.dial(multiaddr(address), signal === undefined ? {} : { signal }).catch((error: unknown) => {
          failures.push(error)
        })
        if (answer !== undefined) return answer
        signal?.throwIfAborted()
      }
      throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'none of the addresses answered')
    } finally {
      await node.stop()
    }
  })
}

function doorNoise(key: Uint8Array): MakeNoise {
  return noise({ prologueBytes: deriveFrom(key, DOOR_PROTOCOL) })
}

function offerKeyOf(key: Uint8Array): Uint8Array {
  return deriveFrom(key, `${DOOR_PROTOCOL}/offer`)
}

async function receive(
  door: Door,
  components: Components,
  stream: MessageStream,
  options: SecureConnectionOptions,
): Promise<void> {
  const signal = AbortSignal.any([AbortSignal.timeout(VISIT_TIMEOUT_MS), ...(options.signal ? [options.signal] : [])])
  const keys = door.keys().slice(0, MAX_DOOR_KEYS)
  const key = keys[await takeOffer(stream, keys.map(offerKeyOf), { signal })]!
  const { connection, remotePeer } = await doorNoise(key)(components).secureInbound(stream, {
    ...options,
    signal,
    skipStreamMuxerNegotiation: true,
  })
  const frames = lpStream(connection, { maxDataLength: MAX_QUESTION_BYTES })
  const question = (await frames.read({ signal })).subarray()
  await frames.write(await door.answer(question, remotePeer.toString(), key), { signal })
  // whoever throws here has the connection aborted: the visitor leaves once it has read the answer
  await frames.read({ signal: AbortSignal.timeout(LEAVE_MS) }).catch(() => {})
}

async function ask(
  encrypter: ConnectionEncrypter,
  stream: MessageStream,
  question: Uint8Array,
  options: SecureConnectionOptions = {},
): Promise<Uint8Array> {
  const { connection } = await encrypter.secureOutbound(stream, { ...options, skipStreamMuxerNegotiation: true })
  const frames = lpStream(connection, { maxDataLength: MAX_ANSWER_BYTES })
  const signals = options.signal === undefined ? {} : { signal: options.signal }
  await frames.write(question, signals)
  return (await frames.read(signals)).subarray()
}
