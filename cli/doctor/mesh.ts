import type { ActorVitals, DiscoverySnapshot, MemberSnapshot } from '../../index.ts'
import { shortId, showMs, visible } from '../text.ts'
import { type Finding, note, ok, problem, warning } from './finding.ts'

/** Milliseconds that the clocks of two machines may differ by. */
export const MOST_SKEW_MS = 1_000
/** Milliseconds from which on that breaks what depends on time: invitations, and who is the oldest. */
export const BROKEN_SKEW_MS = 60_000
/** Milliseconds that timers of an actor may be late, all but the worst hundredth. */
export const MOST_LOOP_LATE_MS = 100
/** The same, from which on others begin to take it for dead. */
export const BROKEN_LOOP_LATE_MS = 1_000
/** Open connections in a process that are worth a word. */
export const MANY_CONNECTIONS = 800

/** A root, and what it said of itself. */
export interface RootFacts {
  readonly member: MemberSnapshot
  readonly vitals: ActorVitals | undefined
  readonly silent: string | undefined
  readonly rttMs: number | undefined
  /** By how many milliseconds its clock is ahead of the one here, and by how many that may be wrong. */
  readonly skew: { readonly ms: number; readonly error: number } | undefined
  /** Its addresses that were tried from here, and why those that failed did. */
  readonly dials: readonly { readonly address: string; readonly failed: string | undefined }[]
}

export interface MeshFacts {
  readonly snapshot: DiscoverySnapshot
  readonly roots: readonly RootFacts[]
  /** Name of this machine. */
  readonly host: string
}

export function judgeMesh(facts: MeshFacts): Finding[] {
  return [
    ...judgeArbiter(facts),
    ...facts.roots.flatMap((root) => judgeRoot(root, facts)),
    ...judgeVersions(facts),
    ...judgeSuspicions(facts),
    ...judgeCounters(facts),
  ]
}

function judgeArbiter({ snapshot: { arbiter, election } }: MeshFacts): Finding[] {
  if (arbiter === null)
    return [
      problem(
        'arbiter',
        `nobody rules: the highest term is ${election.term}`,
        election.mode === 'quorum'
          ? 'a majority of the declared electors has to be up and reach each other: start those that are missing'
          : "an election is over within seconds: look again, then 'greenroom events' shows what keeps it from ending",
      ),
    ]
  const who = `${nameOf(arbiter)} rules in term ${arbiter.term}`
  if (arbiter.provisional)
    return [
      warning(
        'arbiter',
        `${who}, provisionally: it sees less than half of what it saw before`,
        'the mesh may be cut in two, each part with an arbiter of its own: look at the network between the hosts that are missing and these',
      ),
    ]
  return [ok('arbiter', who)]
}

function judgeRoot(root: RootFacts, facts: MeshFacts): Finding[] {
  const who = nameOf(root.member)
  if (root.vitals === undefined)
    return [
      problem(
        'reachability',
        `${who} does not answer: ${root.silent ?? 'it said nothing'}${root.member.status === 'suspect' ? ', and others suspect it too' : ''}`,
        `it is frozen, overloaded, or cut off: look at its process, and whether ${addressOf(root)} can be reached from here`,
      ),
      ...judgeDials(root),
    ]
  const rtt = root.rttMs === undefined ? '' : ` in ${showMs(root.rttMs)}`
  return [
    ok('reachability', `${who} answers${rtt}`),
    ...judgeSkew(root),
    ...judgeLoop(root.vitals, who),
    ...judgeTrust(root.vitals, who),
    ...judgeConnections(root.vitals, who),
    ...judgeAddresses(root, facts),
    ...judgeDials(root),
  ]
}

function judgeSkew({ skew, member, vitals }: RootFacts): Finding[] {
  if (skew === undefined || vitals === undefined) return []
  const off = Math.abs(skew.ms) - skew.error
  if (off <= MOST_SKEW_MS) return [ok('clock', `the clock of ${nameOf(member)} is that of this machine`)]
  const what = `the clock of ${visible(vitals.host)}, where ${nameOf(member)} runs, is ${showMs(Math.abs(skew.ms))} ${skew.ms > 0 ? 'ahead of' : 'behind'} the one here`
  const remedy = `set one of them right (timedatectl, chrony): who is the oldest, and when invitations expire, goes by the clock`
  return [off > BROKEN_SKEW_MS ? problem('clock', what, remedy) : warning('clock', what, remedy)]
}

function judgeLoop({ eventLoop, pid, host }: ActorVitals, who: string): Finding[] {
  const late = eventLoop.delayMs?.p99
  if (late === undefined) return []
  if (late <= MOST_LOOP_LATE_MS) return [ok('event loop', `timers of ${who} are ${showMs(late)} late at most`)]
  const what = `timers of ${who} are ${showMs(late)} late: its event loop is blocked`
  const remedy = `something computes in process ${pid} on ${visible(host)}: move it into an actor or a thread of its own; 'greenroom tree' shows what runs`
  return [late > BROKEN_LOOP_LATE_MS ? problem('event loop', what, remedy) : warning('event loop', what, remedy)]
}

function judgeTrust({ discovery: { stretch, heard } }: ActorVitals, who: string): Finding[] {
  if (stretch <= 1 && heard >= 0.5) return []
  return [
    warning(
      'trust',
      `${who} gets answers to ${Math.round(heard * 100)} % of its probes and waits ${stretch.toFixed(1)} times longer than usual`,
      'its machine is overloaded, or its network loses packets: look at both',
    ),
  ]
}

function judgeConnections({ connections, leftOut }: ActorVitals, who: string): Finding[] {
  const count = connections.length + leftOut
  if (count < MANY_CONNECTIONS) return []
  return [
    warning(
      'connections',
      `${who} has ${count} connections`,
      "each is an open file: see that its limit ('ulimit -n') is far above that",
    ),
  ]
}

/** A root that listens on its loopback interface alone cannot be met by other hosts. */
function judgeAddresses({ member, vitals }: RootFacts, { roots }: MeshFacts): Finding[] {
  const hosts = new Set(roots.flatMap((root) => (root.vitals === undefined ? [] : [root.vitals.host])))
  if (hosts.size < 2 || vitals === undefined || member.addresses.some(isOutward)) return []
  return [
    warning(
      'addresses',
      `${nameOf(member)} listens on ${visible(vitals.host)} alone, and the mesh has ${hosts.size} hosts`,
      "other hosts reach it only while it has connected to them: give run() or joinMesh() a 'listen' address, or run 'greenroom up' on that host",
    ),
  ]
}

function judgeDials({ member, dials }: RootFacts): Finding[] {
  const failed = dials.filter((dial) => dial.failed !== undefined)
  if (failed.length === 0) return []
  const shown = failed.map(({ address, failed: why }) => `${visible(address)} (${why ?? ''})`).join(', ')
  const remedy = `open the port in the firewall or the router, or tell others only addresses that work: 'greenroom up --announce'`
  if (failed.length === dials.length)
    return [
      problem('addresses', `no address that ${nameOf(member)} tells can be connected to from here: ${shown}`, remedy),
    ]
  return [
    note('addresses', `${nameOf(member)} tells addresses that cannot be connected to from here: ${shown}`, remedy),
  ]
}

function judgeVersions({ roots }: MeshFacts): Finding[] {
  const answering = roots.flatMap(({ vitals }) => (vitals === undefined ? [] : [vitals]))
  const versions = Map.groupBy(answering, ({ versions: { greenroom } }) => greenroom)
  if (versions.size === 1) return [ok('versions', `all roots run greenroom ${[...versions.keys()].join()}`)]
  if (versions.size === 0) return []
  const shown = [...versions].map(
    ([version, those]) => `${visible(version)} (${those.map(({ name }) => visible(name)).join(', ')})`,
  )
  return [
    warning(
      'versions',
      `roots run different versions of greenroom: ${shown.join('; ')}`,
      'bring all to one version: what one knows, another may not',
    ),
  ]
}

function judgeSuspicions({ snapshot: { suspicions, counts } }: MeshFacts): Finding[] {
  const suspected = suspicions.map(({ accused, by, inMs }) =>
    warning(
      'suspicions',
      `${nameOf(accused)} is suspected to be dead by ${by.map(nameOf).join(', ')}, and declared dead in ${showMs(inMs)}`,
      'it does not answer them: look at its process, its load, and the network between them',
    ),
  )
  if (counts.lost === 0) return suspected
  return [
    ...suspected,
    note(
      'lost',
      `${counts.lost} roots were declared dead and are tried again now and then`,
      'if they should be there, start them, or look at the network to them',
    ),
  ]
}

/** What was refused of others says that somebody speaks wrongly. */
function judgeCounters({ snapshot: { counters } }: MeshFacts): Finding[] {
  const bad = Object.entries(counters).filter(
    ([name, count]) => count > 0 && /^(bad|refused|breach|malformed)/i.test(name),
  )
  if (bad.length === 0) return []
  const shown = bad.map(([name, count]) => `${name} ${count}`).join(', ')
  return [
    note(
      'refusals',
      `messages of other members were refused: ${shown}`,
      'a member runs another version or misbehaves: its log at level debug says who',
    ),
  ]
}

export function isOutward(address: string): boolean {
  return !/^\/(unix|memory)\/|^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
}

function addressOf({ member }: RootFacts): string {
  return visible(
    (member.addresses.find(isOutward) ?? member.addresses[0] ?? 'its address').replace(/\/p2p\/[^/]+$/, ''),
  )
}

function nameOf({ name, id }: { readonly name: string; readonly id: string }): string {
  return name === '' ? shortId(id) : `${visible(name)} (${shortId(id)})`
}
