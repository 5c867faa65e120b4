import { createHmac, timingSafeEqual } from 'node:crypto'
import { InvalidArgument } from '../node/errors.ts'

/** Bytes of the key that a root and its descendants share. */
export const TREE_KEY_BYTES = 32

/**
 * Who is sent the stacks of errors: actors of one's own tree (the same root program and its descendants), every actor
 * of the mesh, or nobody.
 */
export type StackPolicy = 'tree' | 'mesh' | 'none'

const POLICIES: readonly StackPolicy[] = ['tree', 'mesh', 'none']

/** @throws InvalidArgument when it is none of the policies */
export function checkStackPolicy(policy: StackPolicy): void {
  if (!POLICIES.includes(policy))
    throw new InvalidArgument(`stacks is one of ${POLICIES.join(', ')}, got '${String(policy)}'`)
}

/**
 * What this actor knows of its own tree, and how it proves that it belongs to it.
 *
 * A proof is HMAC-SHA256 (RFC 2104) with the tree's key over the peer ids of who proves and who is to believe it. Noise
 * has authenticated both, so a proof is worth nothing to anybody else, nor to anybody else's peer.
 */
export class Kinship {
  readonly #self: string
  readonly #treeKey: Uint8Array
  readonly #policy: StackPolicy
  readonly #relatives = new Map<string, Uint8Array>()

  /** @param self this actor's peer id */
  constructor(self: string, treeKey: Uint8Array, policy: StackPolicy) {
    if (treeKey.byteLength !== TREE_KEY_BYTES)
      throw new InvalidArgument(`a tree key has ${TREE_KEY_BYTES} bytes, got ${treeKey.byteLength}`)
    this.#self = self
    this.#treeKey = treeKey
    this.#policy = policy
  }

  /** Makes a peer kin that is of another tree, by a key that this actor and that tree alone know. */
  relate(peer: string, key: Uint8Array): void {
    this.#relatives.set(peer, key)
  }

  unrelate(peer: string): void {
    this.#relatives.delete(peer)
  }

  /** Begins a lane with a peer, a stranger until it has proved something else. */
  meet(peer: string): Acquaintance {
    const key = this.#relatives.get(peer) ?? this.#treeKey
    return new Acquaintance(proof(key, this.#self, peer), proof(key, peer, this.#self), this.#policy)
  }
}

function proof(key: Uint8Array, from: string, to: string): Uint8Array {
  return createHmac('sha256', key).update(`greenroom/kinship/1\n${from}\n${to}`).digest()
}

/** What is known of the peer of one lane. */
export class Acquaintance {
  /** Shows the peer that this actor belongs to its tree, if it does. */
  readonly proof: Uint8Array
  readonly #expected: Uint8Array
  readonly #policy: StackPolicy
  #kin = false

  constructor(proof: Uint8Array, expected: Uint8Array, policy: StackPolicy) {
    this.proof = proof
    this.#expected = expected
    this.#policy = policy
  }

  /** Whether the peer has proved that it belongs to this actor's tree. */
  get kin(): boolean {
    return this.#kin
  }

  /** Whether failures that are sent to the peer carry stacks. */
  get seesStacks(): boolean {
    return this.#policy === 'mesh' || (this.#policy === 'tree' && this.#kin)
  }

  /** Hears what the peer sent as its proof, anything at all; a wrong one leaves a stranger a stranger. */
  hear(proof: unknown): void {
    if (proof instanceof Uint8Array && proof.byteLength === this.#expected.byteLength)
      this.#kin ||= timingSafeEqual(proof, this.#expected)
  }
}
