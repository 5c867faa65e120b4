/** What kind of network lies between the roots of a mesh. */
export type ProfileName = 'loopback' | 'lan' | 'wan'

/** Times of the discovery layer, all in milliseconds. */
export interface Profile {
  readonly name: ProfileName
  /** How long changes are gathered before they are published together. */
  readonly batch: number
  /** Pause between two comparisons of digests with a random neighbour. */
  readonly sync: number
  /** Pause between two attempts of a joining actor to get its first sync. */
  readonly joinRetry: number
  /** How long a root that knows of others waits for its first sync before it goes on alone. */
  readonly joinWait: number
  /** Pause between two probes of one root, how long its answer may take, and that of neighbours who ask it then. */
  readonly probe: { readonly interval: number; readonly timeout: number; readonly indirect: number }
  /** How long a suspected root has to refute: `max` with one accuser, `min` with all that count. */
  readonly suspicion: { readonly min: number; readonly max: number }
  /** How long a link that nobody needs any more is kept. */
  readonly linger: number
  /** Within this time a closed root is redialled a few times; only refusals to the end are a verdict. */
  readonly grace: number
  /** Bound of one dial. */
  readonly dialTimeout: number
  /** How long the higher peer id of a pair waits for the lower one to dial. */
  readonly dialFallback: number
  /** First and longest pause between dials that fail; doubled in between. */
  readonly dialBackoff: { readonly min: number; readonly max: number }
  /** Pause between two beats of the arbiter. */
  readonly beat: number
  /** How long an arbiter rules from the sending of a beat that a majority acknowledged. */
  readonly lease: number
  /** How long an actor holds its claims from the sending of a renewal that an arbiter answered. */
  readonly claimLease: number
  /** Pause between two renewals of an actor's claims. */
  readonly claimRenew: number
  /** Head start of each older committee member in an election. */
  readonly rankDelay: number
  /** How long a candidate waits for votes. */
  readonly ballot: number
  /** How long the end of an actor is remembered, so that its old record does not bring it back. */
  readonly tombstoneTtl: number
  /** How long records below a dead parent are kept, in case that the parent was accused wrongly. */
  readonly hiddenTtl: number
  /** Pause between two dials of a root that was declared dead, so that a healed partition finds itself again. */
  readonly lostRetry: number
  /** How long the addresses of a dead root are kept. */
  readonly lostTtl: number
}

const minute = 60_000
const hour = 60 * minute

/**
 * The timing tables: `loopback` for one machine, `lan` for one site, `wan` for everything else.
 *
 * `beat`, `lease` and `rankDelay` follow the usual ratios of Raft (a lease outlives two lost beats); `grace`, `sync`
 * and `batch` those of hashicorp/memberlist's local, LAN and WAN configurations, scaled down for streams that see a
 * close at once.
 */
export const profiles: Readonly<Record<ProfileName, Profile>> = {
  loopback: {
    name: 'loopback',
    batch: 50,
    sync: 5_000,
    joinRetry: 500,
    joinWait: 2_000,
    probe: { interval: 500, timeout: 150, indirect: 150 },
    suspicion: { min: 1_500, max: 9_000 },
    linger: 10_000,
    grace: 100,
    dialTimeout: 1_000,
    dialFallback: 300,
    dialBackoff: { min: 250, max: 5_000 },
    beat: 500,
    lease: 1_500,
    claimLease: 4_500,
    claimRenew: 1_000,
    rankDelay: 50,
    ballot: 300,
    tombstoneTtl: 10 * minute,
    hiddenTtl: minute,
    lostRetry: 5_000,
    lostTtl: 24 * hour,
  },
  lan: {
    name: 'lan',
    batch: 200,
    sync: 10_000,
    joinRetry: 1_000,
    joinWait: 5_000,
    probe: { interval: 1_000, timeout: 500, indirect: 500 },
    suspicion: { min: 3_000, max: 18_000 },
    linger: 20_000,
    grace: 250,
    dialTimeout: 3_000,
    dialFallback: 1_000,
    dialBackoff: { min: 500, max: 15_000 },
    beat: 1_000,
    lease: 3_000,
    claimLease: 9_000,
    claimRenew: 2_000,
    rankDelay: 150,
    ballot: 900,
    tombstoneTtl: 30 * minute,
    hiddenTtl: 2 * minute,
    lostRetry: 10_000,
    lostTtl: 24 * hour,
  },
  wan: {
    name: 'wan',
    batch: 500,
    sync: 30_000,
    joinRetry: 3_000,
    joinWait: 15_000,
    probe: { interval: 4_000, timeout: 2_000, indirect: 2_000 },
    suspicion: { min: 8_000, max: 48_000 },
    linger: minute,
    grace: 2_000,
    dialTimeout: 10_000,
    dialFallback: 3_000,
    dialBackoff: { min: 1_000, max: 60_000 },
    beat: 3_000,
    lease: 10_000,
    claimLease: 30_000,
    claimRenew: 6_000,
    rankDelay: 500,
    ballot: 3_000,
    tombstoneTtl: hour,
    hiddenTtl: 5 * minute,
    lostRetry: 30_000,
    lostTtl: 24 * hour,
  },
}
