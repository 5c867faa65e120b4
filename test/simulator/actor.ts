import type { Known } from '../../discovery/core/fact.ts'
import type { TimerName } from '../../discovery/core/input.ts'
import type { CoreState } from '../../discovery/core/state.ts'
import type { ActorRecord, SignedRecord } from '../../discovery/record.ts'

/** A machine: one for each tree. Its clocks are wrong in their own way. */
export interface Place {
  readonly name: string
  /** What its wall clock is wrong by, in milliseconds. */
  readonly offset: number
  /** How fast its clocks run: 1 is right. */
  readonly rate: number
  /** Whether the machine is there at all: one without power refuses nothing, it is silent. */
  up: boolean
  /** Until when its processor is busy with handshakes, in virtual time. */
  busyUntil: number
}

/** What an actor is made with. */
export interface Birth {
  readonly id: string
  readonly name: string
  readonly inc: number
  readonly place: Place
  readonly core: CoreState
  readonly index: number
  readonly bornAt: number
  readonly above?: { readonly parent: string; readonly root: string } | undefined
}

/** One life of a simulated actor: a core and what a shell would keep for it. */
export class SimulatedActor {
  readonly id: string
  readonly name: string
  readonly root: string
  readonly parent: string | undefined
  readonly inc: number
  readonly place: Place
  readonly core: CoreState
  /** The number of this life in its simulation, from 0. */
  readonly index: number
  readonly bornAt: number
  readonly timers = new Map<TimerName, number>()
  /** Connections, by peer id. */
  readonly links = new Map<string, Link>()
  running = true
  /** When it stopped running, in virtual time. */
  diedAt = Infinity
  /** Until when the process is stopped; what happens to it meanwhile waits. */
  pausedUntil = 0
  /** What waits for the process to go on. */
  readonly held: { readonly timer: boolean; readonly run: () => void }[] = []
  /** Bytes that it has put on the wire, if they are counted. */
  bytes = 0
  /** Changes of the record's content that a program asked for. */
  edits = 0

  constructor({ id, name, inc, place, core, index, bornAt, above }: Birth) {
    this.id = id
    this.name = name
    this.inc = inc
    this.place = place
    this.core = core
    this.index = index
    this.bornAt = bornAt
    this.parent = above?.parent
    this.root = above?.root ?? id
  }

  /** An address of this life: a later life of the same peer id listens elsewhere. */
  get address(): string {
    return addressOf(this.id, this.index)
  }

  /** What the process reads from a clock that never goes back, when `now` is the virtual time. */
  localTime(now: number): number {
    return (now - this.bornAt) * this.place.rate
  }

  /** The virtual time at which this actor's clock shows `local`. */
  virtualTime(local: number): number {
    // a hair later, so that rounding never lets a timer run out before its time
    return this.bornAt + local / this.place.rate + 1e-6
  }

  /** The own record as this actor would sign it. */
  sign(version: Pick<ActorRecord, 'inc' | 'rev' | 'seq' | 'status'>): Known {
    return signAs(this, version)
  }
}

/** What a record says of an actor. */
type Described = Pick<SimulatedActor, 'id' | 'name' | 'parent' | 'root' | 'address' | 'edits'>

/** The record of an actor, whether it is simulated or not. */
export function signAs(
  { id, name, parent, root, address, edits }: Described,
  { inc, rev, seq, status }: Pick<ActorRecord, 'inc' | 'rev' | 'seq' | 'status'>,
): Known {
  const record: ActorRecord = {
    mesh: 'sim',
    peerId: id,
    name,
    ...(parent === undefined ? {} : { parent }),
    root,
    inc,
    rev,
    seq,
    status,
    addrs: [address],
    modules: [],
    meta: edits === 0 ? {} : { version: String(edits) },
  }
  return { record, signed: seal(record) }
}

/** Where a life of an actor listens. */
export function addressOf(id: string, index: number): string {
  return `/sim/${id}/${index}`
}

/** One connection between two actors. What is under way on it when it breaks is lost. */
export interface Link {
  readonly a: SimulatedActor
  readonly b: SimulatedActor
  /** What a message takes one way at least. */
  readonly distance: number
  up: boolean
  /** The end whose process died, and until when what it had sent before still arrives. */
  last: { readonly from: SimulatedActor; readonly until: number } | undefined
  /** Whether both ends know that the other one hears gossip. */
  subscribed: boolean
  /** Whether gossip is passed on over it. */
  meshed: boolean
  /** When the last message arrives at either end, so that calm streams stay in order. */
  arrivalAtA: number
  arrivalAtB: number
}

/** The other end of a connection. */
export function otherEnd(link: Link, actor: SimulatedActor): SimulatedActor {
  return link.a === actor ? link.b : link.a
}

const sealed = new WeakMap<Uint8Array, ActorRecord>()
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Stands for signing: nobody forges in this simulation. */
export function seal(record: ActorRecord): SignedRecord {
  const bytes = encoder.encode(JSON.stringify(record))
  sealed.set(bytes, record)
  return { bytes, signature: new Uint8Array(64) }
}

/** Stands for verifying. */
export function unseal({ bytes }: SignedRecord): ActorRecord {
  return sealed.get(bytes) ?? (JSON.parse(decoder.decode(bytes)) as ActorRecord)
}
