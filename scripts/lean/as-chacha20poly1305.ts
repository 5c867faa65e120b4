// Stands in for `@chainsafe/as-chacha20poly1305`, the cipher of small noise frames. WebAssembly takes a third of the time of
// OpenSSL for them, and six megabytes and three milliseconds of a start: an actor that is not busy does without.
import { createCipheriv, createDecipheriv } from 'node:crypto'

/** Small frames within {@link BUSY_MS} from which on an actor is busy, and WebAssembly worth its memory. */
export const BUSY_FRAMES = 500
export const BUSY_MS = 1_000

interface Cipher {
  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, ad?: Uint8Array, target?: Uint8Array): Uint8Array
  /** @returns null when the tag is wrong */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, ad?: Uint8Array, target?: Uint8Array): Uint8Array | null
}

const CIPHER = 'chacha20-poly1305'
const TAG_BYTES = 16
const OPTIONS = { authTagLength: TAG_BYTES }

const openssl: Cipher = {
  seal: (key, nonce, plaintext, ad, target = new Uint8Array(plaintext.byteLength + TAG_BYTES)) => {
    const cipher = createCipheriv(CIPHER, key, nonce, OPTIONS)
    if (ad !== undefined && ad.byteLength > 0) cipher.setAAD(ad, { plaintextLength: plaintext.byteLength })
    target.set(cipher.update(plaintext))
    cipher.final()
    target.set(cipher.getAuthTag(), plaintext.byteLength)
    return target
  },
  open: (key, nonce, sealed, ad, target = new Uint8Array(sealed.byteLength - TAG_BYTES)) => {
    const bytes = sealed.byteLength - TAG_BYTES
    const decipher = createDecipheriv(CIPHER, key, nonce, OPTIONS)
    decipher.setAuthTag(sealed.subarray(bytes))
    if (ad !== undefined && ad.byteLength > 0) decipher.setAAD(ad, { plaintextLength: bytes })
    const plaintext = decipher.update(sealed.subarray(0, bytes))
    try {
      decipher.final()
    } catch {
      return null
    }
    target.set(plaintext)
    return target
  },
}

let current = openssl
let frames = 0
let since = performance.now()

function cipher(): Cipher {
  if (current === openssl && ++frames % BUSY_FRAMES === 0) {
    const now = performance.now()
    if (now - since < BUSY_MS) void loadWebAssembly()
    since = now
  }
  return current
}

async function loadWebAssembly(): Promise<void> {
  const [{ ChaCha20Poly1305: Wasm }, { newInstance: instantiate }] = await Promise.all([
    import('@chainsafe/as-chacha20poly1305/lib/src/chacha20poly1305.js'),
    import('@chainsafe/as-chacha20poly1305/lib/src/wasm.js'),
  ])
  if (current === openssl) current = new Wasm(instantiate())
}

/** Whether WebAssembly has taken over. */
export const isBusy = (): boolean => current !== openssl

export const newInstance = (): undefined => undefined

export class ChaCha20Poly1305 implements Cipher {
  seal(...args: Parameters<Cipher['seal']>): Uint8Array {
    return cipher().seal(...args)
  }

  open(...args: Parameters<Cipher['open']>): Uint8Array | null {
    return cipher().open(...args)
  }
}
