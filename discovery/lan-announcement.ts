import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { deriveFrom } from '../node/mesh-secrets.ts'
import { decode, encode } from '../rpc/codec.ts'

/** Bytes of what one announcement holds, whatever it says: the rest is padding, so that its size tells nothing. */
export const LAN_ANNOUNCEMENT_BYTES = 1_024
const NONCE_BYTES = 12
const TAG_BYTES = 16
const CIPHER = 'aes-256-gcm'
const PURPOSE = 'greenroom/lan/1'

/** Where a root is, as it tells others of its network. */
export interface LanAnnouncement {
  readonly peerId: string
  readonly addrs: readonly string[]
}

/**
 * Seals an announcement: who lacks the secret learns nothing of it, not even whether two of them are of one mesh. The last
 * addresses are left out when there is no room for all.
 */
export function sealAnnouncement({ peerId, addrs }: LanAnnouncement, secret: Uint8Array): Buffer {
  const plain = Buffer.alloc(LAN_ANNOUNCEMENT_BYTES)
  for (let count = addrs.length; count >= 0; count--) {
    const body = encode([peerId, addrs.slice(0, count)])
    if (body.length + 2 > plain.length) continue
    plain.writeUInt16BE(body.length)
    plain.set(body, 2)
    break
  }
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, deriveFrom(secret, PURPOSE), nonce)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** Opens an announcement; undefined when it is of another mesh, or none. */
export function openAnnouncement(sealed: Uint8Array, secret: Uint8Array): LanAnnouncement | undefined {
  if (sealed.length !== NONCE_BYTES + LAN_ANNOUNCEMENT_BYTES + TAG_BYTES) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, deriveFrom(secret, PURPOSE), sealed.subarray(0, NONCE_BYTES))
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
    const plain = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()])
    const [peerId, addrs] = decode(plain.subarray(2, 2 + plain.readUInt16BE(0))) as [unknown, unknown]
    if (typeof peerId !== 'string' || !Array.isArray(addrs) || !addrs.every((one) => typeof one === 'string'))
      return undefined
    return { peerId, addrs: addrs as string[] }
  } catch {
    return undefined
  }
}
