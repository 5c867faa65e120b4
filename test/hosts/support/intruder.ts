import {
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { deriveFrom } from '../../../node/mesh-secrets.ts'
import { within } from '../../support/within.ts'

/** What a stranger got out of an open port. */
export interface Loot {
  /** All that came, as it came. */
  readonly received: Buffer
  /** What the other side said of itself in its half of the handshake; nothing when it hung up before. */
  readonly opened: Buffer
}

/** Milliseconds in which the other side has to hang up. */
const PATIENCE_MS = 10_000
const HEADER = '/multistream/1.0.0'
const NOISE = '/greenroom/noise/1'
/** DER of an X25519 public key, before its 32 bytes. */
const X25519 = Buffer.from('302a300506032b656e032100', 'hex')

/** Asks for the list of protocols, as multistream-select lets everybody do. */
export async function askForProtocols(port: number, address: string): Promise<Buffer> {
  const socket = connect(port, address)
  const heard: Buffer[] = []
  const refusal = Promise.withResolvers<void>()
  socket.on('error', refusal.reject).on('data', (bytes: Buffer) => {
    heard.push(bytes)
    // of what comes after the list
    if (Buffer.concat(heard).includes(message('na'))) refusal.resolve()
  })
  for (const word of [HEADER, 'ls', '/nothing']) socket.write(message(word))
  await within('the answer', refusal.promise, PATIENCE_MS)
  socket.destroy()
  return Buffer.concat(heard)
}

/**
 * Begins a handshake without the secret, with an offer of secrets made up or recorded from a member. When it is let go on to Noise
 * XX, it reads what the other side says in it without being able to verify it: the key of that message comes from the keys
 * exchanged, which the secret has no part in. Then it goes on as if it were a member.
 */
export async function intrude(port: number, address: string, offer: Buffer): Promise<Loot> {
  const socket = connect(port, address)
  const own = generateKeyPairSync('x25519')
  const hello = own.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32)
  const all = heardUntilClosed(socket, message(HEADER), message(NOISE), offer, framed(hello))
  const answer = message(HEADER).length + message(NOISE).length
  const said = await within('its half of the handshake, or its end', nextFrame(socket, answer), PATIENCE_MS)
  // the last message of the handshake, as well as one can forge it
  if (said !== undefined) socket.write(framed(Buffer.alloc(48 + 16 + 64)))
  return {
    received: await within('it hangs up', all, PATIENCE_MS),
    opened: said === undefined ? Buffer.alloc(0) : openUnverified(said, own.privateKey),
  }
}

/** An offer of one secret that nobody has. */
export function forgedOffer(): Buffer {
  return Buffer.concat([Buffer.of(1), randomBytes(32)])
}

/** What somebody on the way has read of a member that knocked: the offer of its secret, which is in clear. */
export function recordedOffer(secret: Uint8Array): Buffer {
  const nonce = randomBytes(16)
  const tag = createHmac('sha256', deriveFrom(secret, 'greenroom/offer/1')).update(nonce).digest().subarray(0, 16)
  return Buffer.concat([Buffer.of(1), nonce, tag])
}

function openUnverified(said: Buffer, own: KeyObject): Buffer {
  const protocol = Buffer.from('Noise_XX_25519_ChaChaPoly_SHA256')
  const [ck, first] = mix(protocol, shared(own, said.subarray(0, 32)))
  const key = decipher(first, said.subarray(32, 64))
  const [, second] = mix(ck, shared(own, key))
  return decipher(second, said.subarray(80, -16))
}

function shared(own: KeyObject, theirs: Buffer): Buffer {
  const publicKey = createPublicKey({ key: Buffer.concat([X25519, theirs]), format: 'der', type: 'spki' })
  return diffieHellman({ privateKey: own, publicKey })
}

function mix(salt: Buffer, secret: Buffer): [Buffer, Buffer] {
  const both = Buffer.from(hkdfSync('sha256', secret, salt, '', 64))
  return [both.subarray(0, 32), both.subarray(32)]
}

/** ChaCha20 from its second block on, as in ChaCha20-Poly1305, whose tag is not looked at. */
function decipher(key: Buffer, text: Buffer): Buffer {
  const iv = Buffer.alloc(16)
  iv.writeUInt32LE(1)
  return createDecipheriv('chacha20', key, iv).update(text)
}

function message(line: string): Buffer {
  return Buffer.concat([Buffer.from([line.length + 1]), Buffer.from(`${line}\n`)])
}

function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(bytes.length)
  return Buffer.concat([length, bytes])
}

async function heardUntilClosed(socket: Socket, ...words: readonly Buffer[]): Promise<Buffer> {
  const heard: Buffer[] = []
  const closed = Promise.withResolvers<void>()
  socket.on('data', (bytes: Buffer) => heard.push(bytes)).on('error', () => {})
  socket.on('close', () => closed.resolve())
  for (const word of words) socket.write(word)
  await closed.promise
  return Buffer.concat(heard)
}

/** The first frame of Noise, which comes after some bytes of negotiation; undefined when it hangs up before. */
async function nextFrame(socket: Socket, after: number): Promise<Buffer | undefined> {
  const frame = Promise.withResolvers<Buffer | undefined>()
  let heard = Buffer.alloc(0)
  socket.on('data', (bytes: Buffer) => {
    heard = Buffer.concat([heard, bytes])
    const rest = heard.subarray(after)
    if (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0))
      frame.resolve(rest.subarray(2, 2 + rest.readUInt16BE(0)))
  })
  socket.on('close', () => frame.resolve(undefined))
  return await frame.promise
}
