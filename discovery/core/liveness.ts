import { Rings } from './rings.ts'
import type { Life } from './version.ts'

/** A root that somebody gets no answer from, and that has not refuted it yet. */
export interface Suspicion extends Life {
  readonly peerId: string
  /** Peer ids of those who say so. */
  readonly accusers: Set<string>
  /** Since when it is suspected here. */
  since: number
  /** This actor is one of them. */
  readonly own: boolean
  /** Others have come to a verdict already, which was learnt late: there is nobody to wait for. */
  readonly verdict: boolean
  /** How much longer than usual this actor waits, because it does not trust itself. */
  readonly stretch: number
  /** How much longer it waits when many may come to the same verdict, so that the first one spares the others theirs. */
  readonly patience: number
  /** When it is declared dead. */
  deadline: number
}

/** A probe that waits for its answer. */
export interface ProbeUnderWay {
  readonly target: string
  readonly sentAt: number
  /**
   * `direct`: the target was asked; `indirect`: neighbours were asked about it; `late`: the outcome is settled, and an
   * answer would tell only how well this actor hears.
   */
  phase: 'direct' | 'indirect' | 'late'
  dueAt: number
  /** Neighbours that were asked and have not answered. */
  readonly helpers: Set<string>
  /** How many were asked. */
  asked: number
}

/** A probe that is made for a neighbour. */
interface Relay {
  readonly from: string
  /** The sequence number that the neighbour knows it by. */
  readonly seq: number
  readonly target: string
  readonly until: number
  sent: boolean
  done: boolean
}

/** How far this actor trusts itself (Lifeguard's local health). */
interface Health {
  /** 0 when all is well; own times are `1 + score` times as long. */
  score: number
  /** The share of the last probes that was answered by the target itself, however late. */
  heard: number
  /** Hardly anybody answers: whatever others say of this actor may be right. */
  cutOff: boolean
  /** When it was so last, and how many times lately. */
  cutOffAt: number
  episodes: number
  /** When something came from another root last, whatever it was. */
  heardAt: number
  /** Since when it is answered well enough. */
  wellAt: number | undefined
  /** An accusation that is refuted when this actor is heard again. */
  accused: (Life & { readonly by: string }) | undefined
  /** Up to when a pause of this process is accounted for. */
  lagSeenAt: number
}

/** What a root knows of who is alive, beside the registry. */
export interface Liveness {
  readonly rings: Rings
  /** By accused. */
  readonly suspicions: Map<string, Suspicion>
  /** By root: the revision of an accusation from outside this mesh that its owner was told of by gossip, and when. */
  readonly told: Map<string, { readonly rev: number; readonly at: number }>
  /** By sequence number. */
  readonly probes: Map<number, ProbeUnderWay>
  /** By the own sequence number. */
  readonly relays: Map<number, Relay>
  readonly health: Health
  /** The last sequence number. */
  seq: number
  /** Counts the probes, so that the targets have their turns. */
  round: number
  nextProbeAt: number
}

export function createLiveness(): Liveness {
  return {
    rings: new Rings(),
    suspicions: new Map(),
    told: new Map(),
    probes: new Map(),
    relays: new Map(),
    health: {
      score: 0,
      heard: 1,
      cutOff: false,
      cutOffAt: -Infinity,
      episodes: 0,
      heardAt: -Infinity,
      wellAt: undefined,
      accused: undefined,
      lagSeenAt: -Infinity,
    },
    seq: 0,
    round: 0,
    nextProbeAt: Infinity,
  }
}
