import { type KeyObject, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const NAME = 'localhost'
/** ecdsa-with-SHA256 and commonName, as DER content. */
const ECDSA_SHA256 = Buffer.from('2a8648ce3d040302', 'hex')
const COMMON_NAME = Buffer.from('550403', 'hex')
const DAY_MS = 24 * 60 * 60 * 1_000

/**
 * A self-signed certificate for `localhost` with a fresh P-256 key, good for a day: Node makes keys and signatures, but
 * no certificates (RFC 5280), so their few fields are put together here and nothing secret is kept anywhere.
 */
export function makeCertificate(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(der(0x06, ECDSA_SHA256))
  const name = sequence(der(0x31, sequence(der(0x06, COMMON_NAME), der(0x0c, Buffer.from(NAME)))))
  const validity = sequence(time(Date.now() - DAY_MS), time(Date.now() + DAY_MS))
  const toBeSigned = sequence(serial(), algorithm, name, validity, name, subjectKey(publicKey))
  const signature = der(0x03, Buffer.from([0]), sign('sha256', toBeSigned, privateKey))
  const body = sequence(toBeSigned, algorithm, signature).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`,
  }
}

function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function sequence(...contents: readonly Uint8Array[]): Buffer {
  return der(0x30, ...contents)
}

/** A positive number: its first bit is 0. */
function serial(): Buffer {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return der(0x02, bytes)
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14)
  return der(0x17, Buffer.from(`${digits}Z`))
}

function subjectKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' })
}
