import type { Door } from '../node/door.ts'
import { visitDoor } from '../node/door.ts'
import { describeError, GreenroomError } from '../node/errors.ts'
import type { Identity } from '../node/identity.ts'
import { areaLog } from '../node/log.ts'
import { decode, encode } from '../rpc/codec.ts'
import { doorKeyOf, encodeGrant, type Invitation, readGrant } from './invitation.ts'
import type { Invitations, Refusal } from './invitations.ts'
import { type LedgerNews, packNews, unpackNews } from './ledger-messages.ts'
import type { Ledger } from './ledger.ts'

const SECRET_BYTES = 32
const MAX_REFUSAL_CHARACTERS = 1_024
const RENEW = 'renew'

/** What a visitor with a good invitation is told. */
export interface Welcome extends LedgerNews {
  readonly secret: Uint8Array
}

/**
 * The door of a mesh: tells its secret to whoever comes with a good invitation, and to members that were away when it
 * changed, who come with a former one.
 */
export function gatehouse(ledger: Ledger, invitations: Invitations): Door {
  const log = areaLog('discovery')
  const letIn = async (question: unknown, peer: string, key: Uint8Array): Promise<Refusal | undefined> => {
    const ban = ledger.banOf(peer)
    if (ban !== undefined) return `${ban.by.name} has banned ${peer} from the mesh: ${ban.why}`
    if (isRenewal(question)) {
      if (question[1] !== ledger.mesh) return `this is mesh '${ledger.mesh}'`
      if (ledger.mayKnow({ id: peer, hasNewest: false })) return undefined
      return `it was not known here when the secret of the mesh was changed: ${newInvitationAdvice(ledger.mesh)}`
    }
    const grant = readGrant(question)
    if (!Buffer.from(key).equals(doorKeyOf(ledger.newest)))
      return 'it is from before the secret of the mesh was changed: ask for a new one'
    return await invitations.admit(grant, peer)
  }
  return {
    keys: () => ledger.doorSecrets(Date.now()).map(doorKeyOf),
    answer: async (asked, peer, key) => {
      const question = decode(asked)
      const refusal = await letIn(question, peer, key)
      const what = isRenewal(question) ? 'for the newest secret' : 'with an invitation'
      log.info(`${peer.slice(-8)} came ${what}: ${refusal ?? 'let in'}`)
      if (refusal !== undefined) return encode(['refused', refusal]).slice()
      const { newest, rotation, words } = ledger
      return encode(['welcome', newest, packNews({ rotation, bans: words })]).slice()
    },
  }
}

/**
 * Shows an invitation at the door of a mesh; gives the mesh's secret.
 *
 * @throws GreenroomError `INVITATION_REFUSED` when the mesh does not take it, `MESH_UNREACHABLE` when nobody answered
 */
export async function redeem(invitation: Invitation, identity: Identity, signal?: AbortSignal): Promise<Welcome> {
  const { mesh, addresses, doorKey } = invitation
  let answer: Uint8Array
  try {
    answer = await visitDoor(addresses, identity, doorKey, encodeGrant(invitation), signal)
  } catch (cause) {
    signal?.throwIfAborted()
    throw new GreenroomError(
      'MESH_UNREACHABLE',
      `nobody of mesh '${mesh}' let this machine in at ${addresses.join(', ')}: is a program of it running there ` +
        `(greenroom up), can its port be reached from here, and is the invitation newer than its secret? ${describeError(cause)}`,
      { cause },
    )
  }
  const read = readAnswer(answer, mesh)
  if (typeof read !== 'string') return read
  throw new GreenroomError('INVITATION_REFUSED', `mesh '${mesh}' does not take the invitation: ${read}`)
}

/**
 * Asks a root at its door for the newest secret, by each that this one has had.
 *
 * @throws GreenroomError `RENEWAL_REFUSED` when it does not tell it, `DOORS_SHUT` when it opens to none of them or does not answer
 */
export async function renew({
  peer,
  addrs,
  identity,
  ledger,
  signal,
}: {
  readonly peer: string
  readonly addrs: readonly string[]
  readonly identity: Identity
  readonly ledger: Ledger
  readonly signal: AbortSignal
}): Promise<LedgerNews> {
  const { mesh } = ledger
  const addresses = addrs.map((address) => (/\/p2p\/[^/]+$/.test(address) ? address : `${address}/p2p/${peer}`))
  const failures: unknown[] = []
  for (const secret of ledger.doorSecrets(Date.now())) {
    const question = encode([RENEW, mesh]).slice()
    const answer = await visitDoor(addresses, identity, doorKeyOf(secret), question, signal).catch((error: unknown) => {
      failures.push(error)
      return undefined
    })
    signal.throwIfAborted()
    if (answer === undefined) continue
    const read = readAnswer(answer, mesh)
    if (typeof read === 'string')
      throw new GreenroomError('RENEWAL_REFUSED', `${peer.slice(-8)} of mesh '${mesh}' does not tell it: ${read}`)
    return read
  }
  throw new GreenroomError(
    'DOORS_SHUT',
    `${peer.slice(-8)} does not open to any secret that this actor has had: when it is of the same mesh '${mesh}', the secret was changed too long ago, or too often: ${newInvitationAdvice(mesh)}`,
    { cause: new AggregateError(failures) },
  )
}

/** What to do about a secret that was changed, for people. */
export function newInvitationAdvice(mesh: string): string {
  return `ask a member for a new invitation ('greenroom invite --mesh ${mesh}' there) and join by it here ('greenroom join <invitation>')`
}

/** What the door told; a text says why it did not. */
function readAnswer(answer: Uint8Array, mesh: string): Welcome | string {
  const value = decode(answer)
  const [outcome, told, news] = Array.isArray(value) ? (value as unknown[]) : []
  if (outcome === 'welcome' && told instanceof Uint8Array && told.byteLength === SECRET_BYTES)
    return { secret: new Uint8Array(told), ...unpackNews(news, mesh, Date.now()) }
  return outcome === 'refused' ? String(told).slice(0, MAX_REFUSAL_CHARACTERS) : 'its answer makes no sense'
}

function isRenewal(question: unknown): question is [string, unknown] {
  return Array.isArray(question) && question.length === 2 && question[0] === RENEW
}
