import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { ByteList, Bytes } from './private-fields.ts'

/**
 * Bytes from which on a noise frame is enciphered by OpenSSL. Below it the WASM cipher of the noise package is faster:
 * a call of it costs a third, a byte of it fifteen times as much.
 */
export const OPENSSL_FROM_BYTES = 512

const CIPHER = 'chacha20-poly1305'
export const TAG_BYTES = 16
const OPTIONS = { authTagLength: TAG_BYTES }

/** The ciphers of a `Noise` object, as its handshake calls them. */
export interface NoiseCiphers {
  encrypt(plaintext: unknown, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array): unknown
  decrypt(ciphertext: unknown, nonce: Uint8Array, ad: Uint8Array, key: Uint8Array, target?: Uint8Array): unknown
}

/**
 * One noise frame in parts that need not lie side by side. Handed through the handshake, whose nonces thus advance, to
 * {@link fastCiphers}, which put the result into `parts` and, when they encrypt, the tag beside them.
 */
export class Parts {
  parts: Uint8Array[]
  readonly byteLength: number
  tag: Uint8Array | undefined

  constructor(parts: Uint8Array[], byteLength: number) {
    this.parts = parts
    this.byteLength = byteLength
  }
}

/**
 * ChaCha20-Poly1305 as noise uses it, with the key object made once a key and results in {@link Parts}; what is small goes
 * to the stock ciphers. The bytes on the wire are the same.
 */
export function fastCiphers(stock: NoiseCiphers): NoiseCiphers {
  const keys = new WeakMap<Uint8Array, KeyObject>()
  const keyObject = (key: Uint8Array): KeyObject => {
    let object = keys.get(key)
    if (object === undefined) keys.set(key, (object = createSecretKey(key)))
    return object
  }
  return {
    encrypt: (plaintext, nonce, ad, key) => {
      if (!(plaintext instanceof Parts)) return stock.encrypt(plaintext, nonce, ad, key)
      const cipher = createCipheriv(CIPHER, keyObject(key), nonce, OPTIONS)
      if (ad.byteLength > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
      plaintext.parts = plaintext.parts.map((part) => cipher.update(part))
      cipher.final()
      plaintext.tag = cipher.getAuthTag()
      return plaintext
    },
    decrypt: (ciphertext, nonce, ad, key, target) => {
      if (!(ciphertext instanceof Parts)) return stock.decrypt(ciphertext, nonce, ad, key, target)
      const decipher = createDecipheriv(CIPHER, keyObject(key), nonce, OPTIONS)
      decipher.setAuthTag(ciphertext.tag!)
      if (ad.byteLength > 0) decipher.setAAD(ad, { plaintextLength: ciphertext.byteLength })
      ciphertext.parts = ciphertext.parts.map((part) => decipher.update(part))
      decipher.final()
      return ciphertext
    },
  }
}

/** The parts of a list, or the one array that bytes are. */
export function partsOf(bytes: Bytes): Uint8Array[] {
  return bytes instanceof Uint8Array ? [bytes] : [...(bytes as ByteList)]
}
