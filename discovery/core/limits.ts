/** Bounds of the core's state and messages. */
export const coreLimits = {
  /** Actors that a registry holds; records beyond it are counted and ignored. */
  members: 120_000,
  /** Ends that are remembered; those of actors that were never seen go first, then the oldest. */
  tombstones: 65_536,
  /** The highest incarnation, and revision, that an accusation of an unknown life may name. */
  inc: 2 ** 48,
  rev: 2 ** 20,
  /** Levels of parents between an actor and its root. */
  depth: 64,
  /** Facts that wait to be published; the oldest goes first, anti-entropy repairs. */
  queue: 4_096,
  /** Bytes of one message of facts, about. */
  pageBytes: 256 * 1024,
  /** Facts in one message. */
  pageFacts: 4_096,
  /** Pulls under way at the same time. */
  pulls: 2,
  /** Pages of one pull. */
  pullPages: 4_096,
  /** Bytes of its registry, about, that an actor tells one neighbour in a second, and all of them. */
  neighbourBytes: 8 * 1024 * 1024,
  answerBytes: 32 * 1024 * 1024,
  /** Neighbours whose discovery stream is up at the same time. */
  links: 4_096,
  /** Addresses told from outside that are dialled to join. */
  seeds: 64,
  /** Failed dials of a seed before it is given up. */
  seedTries: 5,
  /** Dead roots whose addresses are kept. */
  lost: 1_000,
  /** Dead roots that are dialled at a time. */
  lostDials: 3,
  /** Neighbours that a joining root has at most before its first sync: it needs no more to join. */
  joinLinks: 3,
  /** Neighbours that are asked about a root that does not answer. */
  helpers: 3,
  /** Probes under way for one neighbour, and for all of them. */
  relaysEach: 4,
  relays: 64,
  /** Connections that leave one neighbour's probes unanswered in a row before they are made anew. */
  deaf: 3,
  /** Ended children that a parent remembers. */
  exited: 4_096,
  /** Dials under way at the same time, those that verify a death apart: more of them time each other out. */
  dials: 3,
  /** Refused dials in a row that are a verdict. */
  refusals: 3,
  /** Members of the committee that elects the arbiter. */
  committee: 5,
  /** By how much the words of others may raise the highest term known within one lease. */
  termJump: 2 ** 20,
  /** Peers of another electorate that are told about, each once. */
  strangers: 64,
  /** Beats whose send time an arbiter remembers. */
  beats: 16,
  /** How often an actor outbids another life of its own peer id before it reports a conflict. */
  reclaims: 8,
  /** Names that one actor holds or waits for. */
  claimsPerActor: 64,
  /** Characters of a claimed name. */
  claimName: 256,
  /** Claims of a whole mesh, waiting ones included, and actors that have some. */
  claims: 10_000,
  /** Claims that wait for one name. */
  claimLine: 1_000,
  /** Actors whose claims have passed by one actor. */
  claimRoutes: 10_000,
  /** Names that a leaving arbiter hands to its successor; with more, that one begins with a grace period. */
  handedClaims: 500,
  /** Tellings of claims whose send time an actor remembers. */
  claimRounds: 16,
  /** Age of a fact, in milliseconds; older ones are taken for this old. */
  age: 7 * 24 * 3_600_000,
} as const

/** The bounds that tests may lower. */
export type CoreLimits = { readonly [Name in keyof typeof coreLimits]: number }
