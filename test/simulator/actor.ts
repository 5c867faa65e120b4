import { createCore } from '../../discovery/core/state.ts'
import type { CoreState } from '../../discovery/core/state.ts'
import type { Known } from '../../discovery/core/fact.ts'
import type { TimerName } from '../../discovery/core/input.ts'
import { profiles } from '../../discovery/profile.ts'
import type { ActorRecord, SignedRecord } from '../../discovery/record.ts'

/** One life of a simulated actor: a core and what a shell would keep for it. */
export class SimulatedActor {
  readonly id: string
  readonly name: string
  readonly root: string
  readonly parent: string | undefined
  readonly inc: number
  readonly core: CoreState = createCore({ profile: profiles.loopback })
  readonly timers = new Map<TimerName, number>()
  running = true
  /** Until when the process is stopped; what happens to it meanwhile waits. */
  pausedUntil = 0

  constructor(id: string, name: string, inc: number, above?: { parent: string; root: string }) {
    this.id = id
    this.name = name
    this.inc = inc
    this.parent = above?.parent
    this.root = above?.root ?? id
  }

  /** The machine that the actor runs on: one for each tree. */
  get place(): string {
    return this.root
  }

  /** An address of this life: a later life of the same peer id listens elsewhere. */
  get address(): string {
    return `/sim/${this.id}/${this.inc}`
  }

  /** The own record as this actor would sign it. */
  sign(version: Pick<ActorRecord, 'inc' | 'rev' | 'seq' | 'status'>): Known {
    const record: ActorRecord = {
      mesh: 'sim',
      peerId: this.id,
      name: this.name,
      ...(this.parent === undefined ? {} : { parent: this.parent }),
      root: this.root,
      ...version,
      addrs: [this.address],
      modules: [],
      meta: {},
    }
    return { record, signed: seal(record) }
  }
}

/** Stands for signing: nobody forges in this simulation. */
export function seal(record: ActorRecord): SignedRecord {
  return { bytes: new TextEncoder().encode(JSON.stringify(record)), signature: new Uint8Array(64) }
}

/** Stands for verifying. */
export function unseal({ bytes }: SignedRecord): ActorRecord {
  return JSON.parse(new TextDecoder().decode(bytes)) as ActorRecord
}
