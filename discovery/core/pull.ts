import { levelFor, SPAN } from './buckets.ts'
import type { Difference } from './buckets.ts'
import { adopt } from './election.ts'
import { sameDigest, sizeOf, subjectOf } from './fact.ts'
import type { Fact } from './fact.ts'
import type { Buckets, State } from './messages.ts'
import { pages } from './outbox.ts'
import { ownRecord, send } from './state.ts'
import type { Link, Pull, Turn } from './state.ts'

/*
 * A pull: this side sends the sums of its buckets, the other one answers with what it has in those that differ, as much
 * as fits into a page, and with how far it came; this side merges, gives back what the other lacks there, and asks for
 * the next page from that position on. So there is one page on its way at a time, the answering side keeps nothing
 * between two pages, and both change as they like meanwhile. The sums settle which pages are worth sending, as in
 * Dynamo's Merkle trees (DeCandia et al., SOSP 2007), flattened to one level whose width follows the size of the mesh.
 */

/** Batches that a difference may last before it is taken for more than gossip on its way. */
const settle = 4
/** Batches after which one is repaired although both registries go on changing. */
const patience = 24
/** Batches between two pulls from one neighbour. */
const pause = 4
/** Milliseconds of its rate that a neighbour may use at once. */
const burst = 1_000

/**
 * Compares a neighbour's digest, which came with whatever it said, with the own one; a difference that lasts is
 * repaired. Costs nothing while they are equal, and little while a change is on its way by gossip.
 */
export function compare(turn: Turn, from: string, digest: Pull['digest']): void {
  const { state, now } = turn
  const link = state.links.get(from)
  if (link === undefined) return
  const own = state.registry.digest
  if (sameDigest(digest, own)) {
    link.differs = undefined
    link.futile = 0
    return
  }
  const { differs } = link
  if (differs === undefined) {
    link.differs = { own, theirs: digest, since: now, first: now }
    return
  }
  const moved = !sameDigest(differs.own, own) || !sameDigest(differs.theirs, digest)
  if (moved) link.differs = { own, theirs: digest, since: now, first: differs.first }
  const { batch } = state.profile
  const lasting = !moved && now - differs.since >= settle * batch
  if (!lasting && now - differs.first < patience * batch) return
  startPull(turn, from, digest)
}

/** Begins to pull from a neighbour, unless enough is under way already; tells whether it did. */
export function startPull(turn: Turn, from: string, digest?: Pull['digest']): boolean {
  const { state, now } = turn
  const link = state.links.get(from)
  if (link === undefined || now < link.pullAt) return false
  for (const [peerId, pull] of state.pulls) if (isOver(turn, peerId, pull)) state.pulls.delete(peerId)
  // whoever joins asks one at a time, since it would get the same from each
  if (state.pulls.has(from) || state.pulls.size >= (state.joined ? state.limits.pulls : 1)) return false
  const own = state.registry.digest
  const pull: Pull = {
    link,
    digest: digest ?? own,
    position: state.pullFrom,
    deadline: 0,
    answered: false,
    pages: 0,
    news: false,
    theirs: new Map(),
  }
  state.pulls.set(from, pull)
  state.counters.pulls++
  ask(turn, from, pull)
  return true
}

/** Answers with what stands in the buckets that differ, a page of it. */
export function onBuckets(turn: Turn, from: string, message: Buckets): void {
  const { state, now } = turn
  const link = state.links.get(from)
  adopt(turn, message.claim, from)
  if (link === undefined) return
  const pull = state.pulls.get(from)
  if (pull !== undefined && !isOver(turn, from, pull)) {
    // both began at once: one exchange repairs both
    if (!pull.answered && ownRecord(state).peerId < from) return
    state.pulls.delete(from)
  }
  const { level, position, sums } = message
  if (sameDigest(message.digest, state.registry.digest)) {
    sendState(turn, from, [], { until: SPAN, differs: none, answer: false })
    return
  }
  if (isBusy(turn, link)) {
    state.counters.busy++
    sendState(turn, from, [], { until: position, differs: none, answer: false })
    return
  }
  const difference = state.registry.compare(level, position, sums)
  const facts: Fact[] = []
  let bytes = 0
  let until = position
  let whole = true
  for (const stretch of state.registry.difference(position, SPAN, difference, now)) {
    const size = stretch.facts.reduce((sum, fact) => sum + sizeOf(fact), 0)
    if (facts.length > 0 && !fits(turn, facts.length + stretch.facts.length, bytes + size)) {
      whole = false
      break
    }
    facts.push(...stretch.facts)
    bytes += size
    until = stretch.until
  }
  spend(turn, link, bytes + sums.length)
  sendState(turn, from, facts, { until: whole ? SPAN : until, differs: difference.bits, answer: false })
}

/** What has become of a pull after a page of its answer. */
export type Progress = 'stray' | 'going on' | 'busy' | 'done'

/** Goes on with a pull after a page was merged; `news`: it changed what shows here. */
export function onPage(turn: Turn, from: string, message: State, news: boolean): Progress {
  const { state, now } = turn
  const pull = state.pulls.get(from)
  if (pull === undefined || isOver(turn, from, pull)) return 'stray'
  pull.answered = true
  pull.news ||= news
  pull.deadline = now + state.profile.dialTimeout
  for (const fact of message.facts) pull.theirs.set(subjectOf(fact), versionOf(fact))
  if (message.more) {
    // a bucket without end would otherwise fill the memory
    if (pull.theirs.size <= state.limits.members + state.limits.tombstones) return 'going on'
    state.pulls.delete(from)
    return 'stray'
  }
  // an honest page that is not the last one is full
  const empty = message.until < SPAN && message.facts.length === 0
  if (empty || message.until <= pull.position || ++pull.pages > state.limits.pullPages) {
    // whoever is asked next goes on from here: the registry of a large mesh is more than one neighbour tells at a time
    state.pullFrom = pull.position
    pull.news ||= pull.pages > 0
    finish(turn, from, pull)
    return 'busy'
  }
  const all = giveBack(turn, from, pull, message)
  pull.theirs.clear()
  pull.position = message.until
  if (message.until < SPAN) {
    ask(turn, from, pull)
    return 'going on'
  }
  state.pullFrom = 0
  finish(turn, from, pull)
  // what did not fit: the other side pulls it, at its own pace
  if (!all) send(turn, from, { type: 'sync', digest: state.registry.digest, claim: state.election.claim ?? null })
  return 'done'
}

function ask(turn: Turn, from: string, pull: Pull): void {
  const { state, now } = turn
  const { registry } = state
  const level = levelFor(Math.max(registry.digest.count, pull.digest.count))
  pull.deadline = now + state.profile.dialTimeout
  send(turn, from, {
    type: 'buckets',
    level,
    position: pull.position,
    sums: registry.sums(level, pull.position),
    digest: registry.digest,
    claim: state.election.claim ?? null,
  })
}

/** Sends what the other lacks in the part that it told, a page at most; tells whether that was all. */
function giveBack(turn: Turn, to: string, pull: Pull, { until, differs }: State): boolean {
  const { state, now } = turn
  if (differs.length === 0) return true
  const difference: Difference = { level: Math.log2(differs.length * 8), bits: differs }
  const missing: Fact[] = []
  let bytes = 0
  let all = true
  for (const { facts } of state.registry.difference(pull.position, until, difference, now)) {
    for (const fact of facts) {
      if (pull.theirs.get(subjectOf(fact)) === versionOf(fact)) continue
      bytes += sizeOf(fact)
      if (fits(turn, missing.length + 1, bytes)) missing.push(fact)
      else all = false
    }
    if (!all) break
  }
  for (const fact of outdatedAt(turn, pull)) {
    bytes += sizeOf(fact)
    if (fits(turn, missing.length + 1, bytes)) missing.push(fact)
  }
  pull.news ||= missing.length > 0
  if (missing.length > 0) sendState(turn, to, missing, { until, differs: none, answer: true })
  return all
}

/** What the other still shows and this side has hidden, because a later record puts it below somebody who is gone. */
function* outdatedAt({ state }: Turn, { theirs }: Pull): Generator<Fact> {
  for (const [peerId, version] of theirs) {
    const kept = state.registry.kept(peerId)
    if (kept === undefined || state.registry.get(peerId) !== undefined) continue
    const fact = { kind: 'record', known: kept } as const
    if (versionOf(fact) !== version) yield fact
  }
}

/** What differs for good, because somebody contradicts itself, must not be asked for again and again. */
function finish(turn: Turn, from: string, { link, news }: Pull): void {
  const { state, now, rng } = turn
  const { batch, sync } = state.profile
  state.pulls.delete(from)
  link.differs = undefined
  link.futile = news ? 0 : link.futile + 1
  link.pullAt = now + Math.min(batch * pause * 2 ** link.futile, sync * 4) * (0.5 + rng())
}

function fits({ state }: Turn, count: number, bytes: number): boolean {
  return count <= state.limits.pageFacts && bytes <= state.limits.pageBytes
}

function isOver({ state, now }: Turn, peerId: string, pull: Pull): boolean {
  return now >= pull.deadline || state.links.get(peerId) !== pull.link
}

/** Whether this neighbour, or all together, got so much lately that it has to wait, or to ask somebody else. */
function isBusy({ state, now }: Turn, link: Link): boolean {
  return Math.max(link.toldUntil, state.toldUntil) > now + burst
}

function spend({ state, now }: Turn, link: Link, bytes: number): void {
  const { neighbourBytes, answerBytes } = state.limits
  link.toldUntil = Math.max(now, link.toldUntil) + (bytes / neighbourBytes) * 1_000
  state.toldUntil = Math.max(now, state.toldUntil) + (bytes / answerBytes) * 1_000
}

const none = new Uint8Array(0)

type Rest = Pick<State, 'until' | 'differs' | 'answer'>

/** Sends facts in as many messages as they need; the last one has `more: false`. */
function sendState(turn: Turn, to: string, facts: readonly Fact[], rest: Rest): void {
  const { digest } = turn.state.registry
  const claim = turn.state.election.claim ?? null
  let waiting: Fact[] | undefined
  for (const page of pages(turn.state, facts, true)) {
    if (waiting !== undefined) sendPage(waiting, true)
    waiting = page
  }
  sendPage(waiting ?? [], false)

  function sendPage(page: Fact[], more: boolean): void {
    send(turn, to, { type: 'state', facts: page, claim, digest, more, ...rest })
  }
}

/** "We hold the same." */
export function sendSame(turn: Turn, to: string): void {
  sendState(turn, to, [], { until: SPAN, differs: none, answer: false })
}

function versionOf(fact: Fact): string {
  if (fact.kind === 'end') return `${fact.end.inc}.${fact.end.rev}.${fact.end.state}`
  if (fact.kind === 'suspect') return `${fact.accusation.inc}.${fact.accusation.rev}.suspect`
  const { inc, rev, seq } = fact.known.record
  return `${inc}.${rev}.${seq}`
}
