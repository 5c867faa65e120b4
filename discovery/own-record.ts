import { InvalidArgument } from '../node/errors.ts'
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
  readonly #onChange: () => void
  #addresses: readonly string[]

  /** @param onChange called when there is something new to sign */
  constructor(options: OwnRecordOptions, onChange: () => void) {
    this.#options = options
    this.#onChange = onChange
    this.#addresses = told(options.self.addresses)
    const version = { inc: Date.now(), rev: 0, seq: 0 }
    options.metadata.link((next) => checkRoom(this.#make(version, 'up', next)), onChange)
  }

  /** It is reached at other addresses from now on; gives whether that is news. @throws InvalidArgument without any */
  move(addresses: readonly string[]): boolean {
    const next = told(addresses)
    if (next.length === 0) throw new InvalidArgument('addresses are empty: an actor is reached at one address at least')
    if (next.length === this.#addresses.length && next.every((address, index) => address === this.#addresses[index]))
      return false
    const before = this.#addresses
    this.#addresses = next
    try {
      checkRoom(this.#make({ inc: Date.now(), rev: 0, seq: 0 }, 'up', this.#options.metadata.value))
    } catch (error) {
      this.#addresses = before
      throw error
    }
    this.#onChange()
    return true
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
      addrs: this.#addresses,
      status,
      modules,
      meta,
    }
  }
}

function told(addresses: readonly string[]): readonly string[] {
  return addresses.slice(0, recordLimits.addrs)
}
