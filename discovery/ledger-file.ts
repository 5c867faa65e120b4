import { describeError, GreenroomError } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import { type SignedBan, openBan } from './ban.ts'
import { type FormerSecret, Ledger, type LedgerContent, MAX_FORMER_SECRETS, type Sighting } from './ledger.ts'
import { readPrivateFile, replacePrivateFile } from './private-files.ts'
import { MAX_ROSTER, openRotation, type SignedRotation } from './rotation.ts'

/** Bytes of the file of a ledger. */
export const MAX_LEDGER_FILE_BYTES: number = 4 * 1024 * 1024
const VERSION = 1

/** Reads the ledger of a mesh; undefined when there is none. @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE` */
export async function readLedger(path: string, mesh: string): Promise<Ledger | undefined> {
  const bytes = await readPrivateFile(path, MAX_LEDGER_FILE_BYTES)
  if (bytes === undefined) return undefined
  try {
    return new Ledger(mesh, contentOf(JSON.parse(Buffer.from(bytes).toString()), mesh))
  } catch (cause) {
    throw new GreenroomError(
      'RENDEZVOUS_UNUSABLE',
      `${path} cannot be read (${describeError(cause)}): delete it when no program of mesh '${mesh}' runs here, which forgets bans, and join again`,
      { cause },
    )
  }
}

/** Writes a ledger down, with what another program of this machine has added to it meanwhile; gives whether that was news. */
export async function keepLedger(path: string, ledger: Ledger): Promise<boolean> {
  const there = await readLedger(path, ledger.mesh).catch((error: unknown) => {
    areaLog('discovery').warn(`a ledger is written anew: ${describeError(error)}`)
    return undefined
  })
  let news = false
  for (const word of there?.words ?? []) if (ledger.mergeBan(word)) news = true
  if (there?.rotation !== undefined) {
    const { rotation } = there
    // what is in a private directory of this user is as good as what was heard by itself
    const merged = ledger.mergeRotation(rotation, { id: rotation.rotation.by.id, hasNewest: true }, Date.now(), true)
    if (merged === 'taken' || ledger.follow(there, Date.now())) news = true
  }
  await replacePrivateFile(path, JSON.stringify(textOf(ledger.content)))
  return news
}

function textOf({ secret, former, rotation, bans, known }: LedgerContent): unknown {
  return {
    version: VERSION,
    secret: text(secret),
    former: former.map((one) => ({ ...one, secret: text(one.secret) })),
    rotation:
      rotation === undefined
        ? null
        : { bytes: text(rotation.bytes), signature: text(rotation.signature), mac: text(rotation.mac) },
    bans: bans.map(({ bytes, signature }) => ({ bytes: text(bytes), signature: text(signature) })),
    known: Object.fromEntries(known),
  }
}

type Fields = Readonly<Record<string, unknown>>

function contentOf(value: unknown, mesh: string): LedgerContent {
  const { version, secret, former, rotation, bans, known } = fieldsOf(value)
  if (version !== VERSION) throw new Error(`it is of version ${String(version)}`)
  const read: SignedRotation | undefined = rotation === null ? undefined : readRotation(fieldsOf(rotation), mesh)
  return {
    secret: bytesIn(secret),
    former: listOf(former).slice(0, MAX_FORMER_SECRETS).map(readFormer),
    rotation: read,
    bans: listOf(bans).map((one) => readBan(fieldsOf(one), mesh)),
    known: new Map(
      Object.entries(fieldsOf(known))
        .map(([peer, seen]) => [peer, readSighting(seen)] as const)
        .sort(([, a], [, b]) => a.last - b.last)
        .slice(-MAX_ROSTER),
    ),
  }
}

function readFormer(value: unknown): FormerSecret {
  const { secret, replacedAt, until } = fieldsOf(value)
  return { secret: bytesIn(secret), replacedAt: numberIn(replacedAt), until: numberIn(until) }
}

/** One number is what earlier versions wrote down: when it was seen last. */
function readSighting(value: unknown): Sighting {
  if (typeof value === 'number') return { since: numberIn(value), last: numberIn(value) }
  const { since, last } = fieldsOf(value)
  return { since: numberIn(since), last: numberIn(last) }
}

function readRotation({ bytes, signature, mac }: Fields, mesh: string): SignedRotation {
  return openRotation(bytesIn(bytes), bytesIn(signature), bytesIn(mac), mesh, Infinity)
}

function readBan({ bytes, signature }: Fields, mesh: string): SignedBan {
  return openBan(bytesIn(bytes), bytesIn(signature), mesh)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function bytesIn(value: unknown): Uint8Array {
  if (typeof value !== 'string') throw new Error('bytes are missing')
  return new Uint8Array(Buffer.from(value, 'base64url'))
}

function numberIn(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error('a number is missing')
  return value
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('a list is missing')
  return value
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new Error('a part is missing')
  return value as Fields
}
