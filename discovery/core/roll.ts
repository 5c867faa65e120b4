import { electorateOfClaims, holderOf, isOurs } from './electorate.ts'
import type { ElectorateProblem } from './effect.ts'
import type { Roll, RollCall, RollEntry } from './election-messages.ts'
import type { Elector } from './election-state.ts'
import { keep } from './keep.ts'
import { MAX_ELECTORS, sameRoll } from './quorum.ts'
import type { KeptVotes, Quorum } from './quorum.ts'
import { arm, disarm, emit, ownRecord, send } from './state.ts'
import type { CoreState, Turn } from './state.ts'
import { compareTexts } from './version.ts'

/*
 * An elector without a vote file may be a new one, or one that lost its disk and with it the memory of its votes. It
 * cannot tell, so it neither votes nor stands until every other elector of the roll has told it, in this very life,
 * the highest term that it knows: whoever it may have voted for is among them, or lost as much, and has that term or
 * a higher one. From then on it votes in higher terms alone. So at most one vote a term and elector is counted while
 * less than a majority lost their disks at once, and a new electorate has to be complete once before it can elect
 * (as with `bootstrap_expect` of HashiCorp's Consul). A majority is not enough to ask: the candidate that got the
 * lost vote might be missing in it (Michael et al., "Recovering Shared Objects Without Stable Storage", DISC 2017).
 *
 * Where only a size is declared, the electors are those that meet first. Each agrees to one list of names, on disk, and
 * the list counts when all on it have agreed to it; so no two lists that share an elector ever count.
 */

/** Takes in what an earlier process of this elector kept. */
export function recallVotes(turn: Turn, elector: Elector, quorum: Quorum, votes: KeptVotes | undefined): void {
  const { state, now } = turn
  elector.awakeAt = now + state.profile.lease
  if (votes === undefined) return
  const { roll, settled, term, candidate } = votes
  const same = quorum.electors === undefined ? roll.length === quorum.size : sameRoll(roll, quorum.electors)
  if (same && roll.includes(ownRecord(state).name)) {
    elector.roll = roll
    elector.settled = settled
    elector.kept = votes
  }
  elector.floor = term
  state.election.term = Math.max(state.election.term, term)
  state.election.voted = { term, candidate: candidate?.peerId ?? '', inc: candidate?.inc ?? 0 }
}

/** Goes on towards an electorate that counts. */
export function reviewRoll(turn: Turn, elector: Elector, quorum: Quorum): void {
  const { state } = turn
  if (elector.settled || elector.keeping !== undefined) return
  for (const [name, { peerId }] of elector.heard) if (holderOf(state, name) !== peerId) elector.heard.delete(name)
  if (quorum.electors === undefined) reconsider(turn, elector)
  elector.roll ??= joinRoll(turn, elector, quorum)
  if (elector.roll !== undefined && !elector.roll.includes(ownRecord(state).name)) {
    disarm(turn, 'election')
    return
  }
  if (elector.roll !== undefined) settle(turn, elector, elector.roll)
  if (elector.keeping !== undefined) return
  if (state.timers.has('election')) ask(turn, elector)
  else callRoll(turn, elector)
}

/**
 * Begins a round: asks everybody again who has not said what is needed. With a declared size, those that were heard
 * since the last one may agree: not sooner, so that too many who start together are seen to be too many.
 */
export function callRoll(turn: Turn, elector: Elector): void {
  const { state, now } = turn
  const beganAt = elector.awakeAt - state.profile.lease
  if (elector.roll === undefined && now >= beganAt + state.profile.beat) gather(turn, elector)
  if (elector.keeping !== undefined) return
  elector.asked.clear()
  tell(turn, elector, 'incomplete', ask(turn, elector))
  arm(turn, 'election', now + state.profile.beat)
}

/** Asks those that were not asked in this round; gives the names of those that are missing. */
function ask(turn: Turn, elector: Elector): readonly string[] {
  const { state } = turn
  const { name, inc } = ownRecord(state)
  const { roll, asked } = elector
  const missing = roll?.filter((other) => other !== name && !agrees(elector, other, roll)) ?? []
  const peers = roll === undefined ? rootLinks(state) : missing.flatMap((other) => holderOf(state, other) ?? [])
  for (const peerId of peers) {
    if (asked.has(peerId) || !state.links.has(peerId)) continue
    asked.add(peerId)
    send(turn, peerId, { type: 'rollcall', inc, ...entryOf(state, elector), ...electorateOfClaims(state) })
  }
  return missing
}

/** Says what this root knows of the electorate, and takes note of what the other one says. */
export function onRollCall(turn: Turn, from: string, { inc, electorate, ...entry }: RollCall): void {
  const { state } = turn
  const { elector } = state
  const ours = electorateOfClaims(state)
  const answer = { type: 'roll', inc, ...ours } as const
  if (!isOurs(turn, from, electorate, ours.electorate) || elector === undefined) {
    send(turn, from, { ...answer, roll: null, settled: false, term: 0 })
    return
  }
  note(turn, from, entry)
  send(turn, from, { ...answer, ...entryOf(state, elector) })
}

/** Takes in the answer to an own roll call. */
export function onRoll(turn: Turn, from: string, { inc, electorate, ...entry }: Roll): void {
  const { state } = turn
  if (!isOurs(turn, from, electorate, electorateOfClaims(state).electorate)) return
  if (inc === ownRecord(state).inc) note(turn, from, entry)
}

/** Only what is heard on a connection of this life counts: whoever says it does so after this life began. */
function note(turn: Turn, from: string, { roll, settled, term }: RollEntry): void {
  const { elector, registry } = turn.state
  const record = registry.get(from)
  if (elector === undefined || elector.settled || record === undefined || record.parent !== undefined) return
  if (holderOf(turn.state, record.name) !== from) return
  if (elector.heard.size >= 4 * MAX_ELECTORS && !elector.heard.has(record.name)) return
  elector.heard.set(record.name, { peerId: from, roll, settled, term })
  turn.review = true
}

function entryOf(state: CoreState, elector: Elector): RollEntry {
  const { election } = state
  const term = Math.max(election.term, elector.floor, election.voted?.term ?? 0)
  const observes = elector.roll !== undefined && !elector.roll.includes(ownRecord(state).name)
  return { roll: elector.roll ?? null, settled: elector.settled || observes, term }
}

function rootLinks({ links, registry }: CoreState): string[] {
  return [...links.keys()].filter((peerId) => {
    const record = registry.get(peerId)
    return record !== undefined && record.parent === undefined
  })
}

/** Tells once what keeps the electorate from counting. */
export function tell(turn: Turn, elector: Elector, problem: ElectorateProblem, names: readonly string[]): void {
  const { state, now } = turn
  // at first everybody waits for everybody
  if (problem === 'incomplete' && now < elector.awakeAt - state.profile.lease + state.profile.joinWait) return
  const told = `${problem} ${names.join(' ')}`
  if (elector.told === told) return
  elector.told = told
  emit(turn, { type: 'electorate', problem, names })
}

/** With a declared size: the list that others have, one that counts first. */
function joinRoll(turn: Turn, elector: Elector, { size }: Quorum): readonly string[] | undefined {
  const { name } = ownRecord(turn.state)
  const heard = [...elector.heard]
  const settled = heard.find(([, other]) => other.settled && other.roll?.length === size)?.[1].roll
  const roll = settled ?? heard.find(([, other]) => other.roll?.length === size && other.roll.includes(name))?.[1].roll
  if (roll === undefined || roll === null) return undefined
  if (!roll.includes(name)) return roll
  agree(turn, elector, roll)
  return undefined
}

/** With a declared size, and no list yet: all that are there, when they are as many as were declared. */
function gather(turn: Turn, elector: Elector): void {
  const { name } = ownRecord(turn.state)
  const size = turn.state.quorum?.size
  const there = new Set([name])
  for (const [other, { roll }] of elector.heard) if (roll === null) there.add(other)
  const names = [...there].toSorted(compareTexts)
  if (names.length === size) agree(turn, elector, names)
  else if (size !== undefined && names.length > size) tell(turn, elector, 'crowded', names)
}

/**
 * A list that one on it will never agree to cannot count any more: who had agreed to it is free to agree to another.
 * Lists that are at odds while none of them counts are more electors than were declared, which only people can mend.
 */
function reconsider(turn: Turn, elector: Elector): void {
  const { roll } = elector
  if (roll === undefined) return
  const others = roll.flatMap((name) => elector.heard.get(name) ?? [])
  const odd = others.filter((other) => other.roll !== null && !sameRoll(other.roll, roll))
  if (odd.some(({ settled }) => settled)) elector.roll = undefined
  else if (odd.length > 0) {
    const all = new Set([...roll, ...odd.flatMap((other) => other.roll ?? [])])
    tell(turn, elector, 'crowded', [...all].toSorted(compareTexts))
  }
}

function agree(turn: Turn, elector: Elector, roll: readonly string[]): void {
  keep(turn, elector, { roll, settled: false, term: elector.floor, candidate: null }, { do: 'agree' })
}

function settle(turn: Turn, elector: Elector, roll: readonly string[]): void {
  const { state } = turn
  const { name } = ownRecord(state)
  if (holderOf(state, name) !== ownRecord(state).peerId) return
  let term = Math.max(elector.floor, state.election.term)
  for (const other of roll) {
    if (other === name) continue
    if (!agrees(elector, other, roll)) return
    term = Math.max(term, elector.heard.get(other)?.term ?? 0)
  }
  keep(turn, elector, { roll, settled: true, term, candidate: null }, { do: 'settle' })
}

function agrees({ heard }: Elector, name: string, roll: readonly string[]): boolean {
  const theirs = heard.get(name)?.roll
  return theirs !== undefined && theirs !== null && sameRoll(theirs, roll)
}
