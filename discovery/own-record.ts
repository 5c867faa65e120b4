import type { Identity } from '../node/identity.ts'
import type { Target } from '../rpc/caller.ts'
import type { Known } from './core/fact.ts'
import type { Version } from './core/version.ts'
import type { Metadata } from './metadata.ts'
import type { OwnMetadata } from './own-metadata.ts'
import { type ActorRecord, type ActorStatus, checkRoom, recordLimits, signRecord } from './record.ts'

export interface OwnRecordOptions {
  readonly identity: Identity
  readonly self: Target
  readonly root: string
  readonly mesh: string
  readonly parent?: Target | undefined
  readonly modules: readonly string[]
  readonly metadata: OwnMetadata
}

/** Makes this actor's record, with what it says of itself at the moment, and signs it. */
export class OwnRecord {
  readonly #options: OwnRecordOptions

  /** @param onChange called when there is something new to sign */
  constructor(options: OwnRecordOptions, onChange: () => void) {
    this.#options = options
    const version = { inc: Date.now(), rev: 0, seq: 0 }
    options.metadata.link((next) => checkRoom(this.#make(version, 'up', next)), onChange)
  }

  sign(version: Version, status: ActorStatus): Known {
    const { identity, metadata } = this.#options
    const record = this.#make(version, status, metadata.value)
    return { record, signed: signRecord(record, identity.privateKey) }
  }

  #make({ inc, rev, seq }: Version, status: ActorStatus, meta: Metadata): ActorRecord {
    const { self, root, mesh, parent, modules } = this.#options
    return {
      mesh,
      peerId: self.id,
      name: self.name,
      ...(parent === undefined ? {} : { parent: parent.id }),
      root,
      inc,
      rev,
      seq,
      addrs: self.addresses.slice(0, recordLimits.addrs),
      status,
      modules,
      meta,
    }
  }
}
