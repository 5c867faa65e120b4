import { lifeKey } from './claim-state.ts'
import type { Claimant, Entry, Office, Party } from './claim-state.ts'
import { compareFences } from './fence.ts'
import type { Fence } from './fence.ts'
import type { Answer, Books, Claims, Grant, Granted, Want } from './claim-messages.ts'
import { arm, disarm, send } from './state.ts'
import type { Turn } from './state.ts'
import { compareTokens } from './token.ts'
import type { Token } from './token.ts'

/*
 * How an arbiter grants names. Its books are soft state: holders tell all that they hold in every renewal, so a new
 * arbiter learns it from them. It grants no free name before every lease that an arbiter before it may have renewed
 * has run out (the grace period of NFSv4, RFC 8881 section 8.4.2, over the leases of Gray and Cheriton, SOSP 1989):
 * who held something by then has told, or no longer believes to hold it. So nothing needs to be replicated, and
 * several arbiters in a row cannot grant twice, however many members of their committees die at once.
 */

/** A message for an actor, to the neighbour, or this actor itself, that leads to it. */
export interface Reply {
  readonly via: string
  readonly message: Granted
}

/** Hands the books to the successor, unless they are too large to be worth it, or not all holders have told yet. */
export function sendBooks(turn: Turn, { peerId, token }: { readonly peerId: string; readonly token: Token }): void {
  const { claims, limits } = turn.state
  const { office } = claims
  if (office === undefined || compareTokens(office.token, token) !== 0 || turn.now < office.openAt) return
  const grants: Grant[] = []
  for (const { holder } of office.names.values()) {
    if (holder?.fence === undefined) continue
    const { party, id, name, fence } = holder
    grants.push({ actor: party.actor, life: party.life, id, name, fence })
  }
  if (grants.length <= limits.handedClaims) send(turn, peerId, { type: 'books', token, grants })
}

/** Keeps the books of a leaving arbiter, in case that this actor is the next one. */
export function onBooks(turn: Turn, from: string, books: Books): void {
  const { claims, election } = turn.state
  const { claim } = election
  if (books.token.peerId !== from || claim === undefined || compareTokens(claim.token, books.token) !== 0) return
  claims.inherited = books
}

/** Opens new books when this actor has become arbiter. */
export function reviewOffice(turn: Turn): void {
  const { claims, election } = turn.state
  const { office } = claims
  const { reign, claim } = election
  if (reign === undefined) {
    // after another arbiter the books are worth nothing; without one they may be taken up again
    if (office === undefined) return
    if (claim !== undefined && compareTokens(claim.token, office.token) > 0) close(turn)
    return
  }
  const { token } = reign
  if (office !== undefined && compareTokens(office.token, token) === 0) return
  if (office !== undefined && office.token.peerId === token.peerId && office.token.inc === token.inc) {
    // nobody can have ruled in between: the books are complete
    if (office.token.term + 1 === token.term) {
      office.token = token
      office.serial = 0
      arm(turn, 'office', turn.now)
      return
    }
  }
  open(turn)
}

/** Takes what an actor wants and holds, which came from a neighbour or this actor itself; the answers. */
export function takeClaims(turn: Turn, via: string, message: Claims): Reply[] {
  const { state, now } = turn
  const { office } = state.claims
  if (office === undefined || state.election.reign === undefined) return []
  // granted by a later arbiter than this one: not for this one to judge
  if (message.wants.some(({ fence }) => fence !== undefined && compareTokens(fence, office.token) > 0)) return []
  const party = partyOf(turn, office, via, message)
  if (party === undefined || message.round <= party.round) return []
  party.round = message.round
  party.heardAt = now
  party.via = via
  const told = new Set([party])
  const listed = new Set(message.wants.map(({ id }) => id))
  const before = [...party.claims.values()]
  for (const claimant of before) if (!listed.has(claimant.id)) drop(turn, office, claimant, told)
  for (const want of message.wants) {
    const claimant = party.claims.get(want.id) ?? add(turn, office, party, want)
    if (want.fence !== undefined && claimant.fence === undefined && claimant.over === undefined) {
      assertAgain(turn, office, claimant, want.fence, told)
    }
    advance(turn, office, claimant.name, told)
  }
  // one that is set runs out sooner than what was heard of just now
  if (!state.timers.has('office')) arm(turn, 'office', expiryOf(turn, party))
  return [...told].map((one) => answer(office, one))
}

/** Grants what waited for the end of the grace period, and gives up for those whose leases have run out. */
export function onOfficeTimer(turn: Turn): Reply[] {
  const { state, now } = turn
  const { office } = state.claims
  if (office === undefined || state.election.reign === undefined) return []
  const told = new Set<Party>()
  for (const party of office.parties.values()) if (now >= expiryOf(turn, party)) remove(turn, office, party, told)
  if (now >= office.openAt) for (const name of office.names.keys()) advance(turn, office, name, told)
  armNext(turn, office)
  return [...told].map((party) => answer(office, party))
}

/** All processes of an actor are certainly gone. */
export function onCertainEnd(turn: Turn, actor: string): Reply[] {
  const { office } = turn.state.claims
  if (office === undefined || turn.state.election.reign === undefined) return []
  const told = new Set<Party>()
  for (const party of office.parties.values()) {
    if (party.actor !== actor) continue
    for (const claimant of party.claims.values()) drop(turn, office, claimant, told)
    // what is still on its way from there counts no more
    party.round = Number.MAX_SAFE_INTEGER
    told.delete(party)
  }
  return [...told].map((party) => answer(office, party))
}

function open(turn: Turn): void {
  const { state, now } = turn
  const { reign } = state.election
  if (reign === undefined) return
  const { claimLease, lease } = state.profile
  // nobody ruled before the first term; else the one before may rule for a lease more, when it was called dead wrongly
  const first = reign.token.term === 1 && !state.claims.cautious
  const { inherited } = state.claims
  state.claims.inherited = undefined
  const complete = inherited !== undefined && inherited.token.term + 1 === reign.token.term
  const openAt = first || complete ? now : now + claimLease + lease
  const clearAt = first ? now : now + lease
  const { token } = reign
  const office: Office = { token, openAt, clearAt, serial: 0, parties: new Map(), names: new Map(), size: 0 }
  state.claims.office = office
  if (complete) for (const grant of inherited.grants) inherit(turn, office, grant)
  if (openAt > now) arm(turn, 'office', openAt)
}

/** Takes a holder over as if it had been heard of now: its lease ends no later than that. */
function inherit(turn: Turn, office: Office, { actor, life, id, name, fence }: Grant): void {
  const party = partyOf(turn, office, actor, { actor, life })
  if (party === undefined) return
  const claimant = add(turn, office, party, { id, name, waited: 0 })
  if (claimant.over !== undefined) return
  assertAgain(turn, office, claimant, fence, new Set())
  if (!turn.state.timers.has('office')) arm(turn, 'office', expiryOf(turn, party))
}

function close(turn: Turn): void {
  turn.state.claims.office = undefined
  disarm(turn, 'office')
}

function partyOf(
  turn: Turn,
  office: Office,
  via: string,
  { actor, life }: Pick<Claims, 'actor' | 'life'>,
): Party | undefined {
  const key = lifeKey(actor, life)
  const known = office.parties.get(key)
  if (known !== undefined) return known
  if (office.parties.size >= turn.state.limits.claims) return undefined
  const party: Party = { key, actor, life, via, round: -1, heardAt: turn.now, claims: new Map() }
  office.parties.set(key, party)
  return party
}

function add({ state, now }: Turn, office: Office, party: Party, { id, name, waited }: Omit<Want, 'fence'>): Claimant {
  const claimant: Claimant = { id, name, party, since: now - waited, fence: undefined, over: undefined }
  party.claims.set(id, claimant)
  const entry = office.names.get(name) ?? { holder: undefined, line: [] }
  if (office.size >= state.limits.claims) claimant.over = 'claims'
  else if (entry.line.length >= state.limits.claimLine) claimant.over = 'claimLine'
  if (claimant.over !== undefined) return claimant
  office.size++
  office.names.set(name, entry)
  const behind = entry.line.findIndex((other) => other.since > claimant.since)
  entry.line.splice(behind === -1 ? entry.line.length : behind, 0, claimant)
  return claimant
}

/** A holder tells an arbiter that does not know it what it holds: the higher fence wins. */
function assertAgain(turn: Turn, office: Office, claimant: Claimant, fence: Fence, told: Set<Party>): void {
  const entry = office.names.get(claimant.name)
  if (entry === undefined) return
  const { holder } = entry
  if (holder?.fence !== undefined && compareFences(fence, holder.fence) <= 0) {
    lose(office, claimant)
    return
  }
  if (holder !== undefined) {
    lose(office, holder)
    told.add(holder.party)
  }
  leaveLine(entry, claimant)
  claimant.fence = fence
  entry.holder = claimant
}

/** Grants a free name to whoever has waited longest. */
function advance({ now }: Turn, office: Office, name: string, told: Set<Party>): void {
  const entry = office.names.get(name)
  if (entry === undefined || entry.holder !== undefined) return
  const [next] = entry.line
  if (next === undefined) {
    office.names.delete(name)
    return
  }
  if (now < office.openAt) return
  entry.line.shift()
  office.serial++
  next.fence = { ...office.token, serial: office.serial }
  entry.holder = next
  told.add(next.party)
}

/** A claim that is over takes no room; its actor is told until it lists it no more. */
function lose(office: Office, claimant: Claimant): void {
  vacate(office, claimant)
  claimant.over = 'lost'
  claimant.fence = undefined
}

function drop(turn: Turn, office: Office, claimant: Claimant, told: Set<Party>): void {
  claimant.party.claims.delete(claimant.id)
  if (claimant.over !== undefined) return
  vacate(office, claimant)
  advance(turn, office, claimant.name, told)
}

function remove(turn: Turn, office: Office, party: Party, told: Set<Party>): void {
  office.parties.delete(party.key)
  for (const claimant of party.claims.values()) drop(turn, office, claimant, told)
  told.delete(party)
}

function vacate(office: Office, claimant: Claimant): void {
  office.size--
  const entry = office.names.get(claimant.name)
  if (entry === undefined) return
  if (entry.holder === claimant) entry.holder = undefined
  else leaveLine(entry, claimant)
}

function leaveLine({ line }: Entry, claimant: Claimant): void {
  const at = line.indexOf(claimant)
  if (at !== -1) line.splice(at, 1)
}

function answer(office: Office, party: Party): Reply {
  const answers = [...party.claims.values()].map((claimant): Answer => {
    const { id, fence, over } = claimant
    const holder = office.names.get(claimant.name)?.holder?.party.actor ?? null
    if (over === 'lost') return { id, outcome: over, holder }
    if (over !== undefined) return { id, outcome: 'full', limit: over }
    return fence === undefined ? { id, outcome: 'waits', holder } : { id, outcome: 'held', fence }
  })
  const { via, actor, life, round } = party
  return { via, message: { type: 'granted', actor, life, round, arbiter: office.token, answers } }
}

/** When a holder that was last heard then believes no more, by this clock and by any that is a little slower. */
function expiryOf({ state: { profile } }: Turn, { heardAt }: Party): number {
  return heardAt + profile.claimLease + profile.lease / 3
}

function armNext(turn: Turn, office: Office): void {
  let next = turn.now < office.openAt ? office.openAt : Infinity
  for (const party of office.parties.values()) next = Math.min(next, expiryOf(turn, party))
  if (next < Infinity) arm(turn, 'office', next)
}
