import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { MessageStream } from '@libp2p/interface'
import { byteStream } from '@libp2p/utils'
import { MAX_SECRETS } from './mesh-secrets.ts'

const NONCE_BYTES = 16
const TAG_BYTES = 16

/** What bounds the wait for the other side. */
interface Waiting {
  readonly signal?: AbortSignal
}

/** None of the secrets that one side has is known to the other one. */
export class SecretRefused extends Error {
  override readonly name = 'SecretRefused'
}

/*
 * Noise takes its prologue before either side has said anything, so sides that know several secrets have to agree on one
 * beforehand. Whoever dials sends a random number and, for each of its keys, a tag of that number (HMAC): the other side
 * finds the key that it knows as well, and nobody else learns anything, not even that two connections are of one mesh.
 */

/** Offers keys, the most wanted first, and gives the place of the one to use. With one key nobody waits for an answer. */
export async function offerKeys(
  stream: MessageStream,
  keys: readonly Uint8Array[],
  options: Waiting = {},
): Promise<number> {
  const bytes = byteStream(stream)
  const nonce = randomBytes(NONCE_BYTES)
  const offered = keys.slice(0, MAX_SECRETS)
  const tags = offered.map((key) => tagOf(key, nonce))
  await bytes.write(Buffer.concat([Buffer.of(offered.length), nonce, ...tags]), options)
  let chosen = 0
  if (offered.length > 1) {
    const answer = await bytes.read({ bytes: 1, ...options }).catch((cause: unknown) => {
      throw new SecretRefused('the other side has none of these secrets', { cause })
    })
    chosen = answer?.get(0) ?? offered.length
    if (chosen >= offered.length) throw new SecretRefused('the other side chose a secret that was not offered')
  }
  bytes.unwrap()
  return chosen
}

/** Reads an offer, says which key is to be used, and gives its place among the own ones. @throws SecretRefused when none is known */
export async function takeOffer(
  stream: MessageStream,
  keys: readonly Uint8Array[],
  options: Waiting = {},
): Promise<number> {
  const bytes = byteStream(stream)
  const head = (await bytes.read({ bytes: 1 + NONCE_BYTES, ...options })).subarray()
  const count = head[0] ?? 0
  if (count === 0 || count > MAX_SECRETS)
    throw new SecretRefused(`${count} secrets were offered, not 1 to ${MAX_SECRETS}`)
  const tags = (await bytes.read({ bytes: count * TAG_BYTES, ...options })).subarray()
  const own = keys.map((key) => tagOf(key, head.subarray(1)))
  for (let place = 0; place < count; place++) {
    const tag = tags.subarray(place * TAG_BYTES, (place + 1) * TAG_BYTES)
    const known = own.findIndex((one) => timingSafeEqual(one, tag))
    if (known < 0) continue
    if (count > 1) await bytes.write(Uint8Array.of(place), options)
    bytes.unwrap()
    return known
  }
  throw new SecretRefused('none of the secrets that were offered is known here')
}

function tagOf(key: Uint8Array, nonce: Uint8Array): Buffer {
  return createHmac('sha256', key).update(nonce).digest().subarray(0, TAG_BYTES)
}
