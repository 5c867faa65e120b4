import { hkdfSync } from 'node:crypto'

/** Secrets of a mesh that open connections side by side: the newest, and former ones for the time that a change of them takes. */
export const MAX_SECRETS = 4
/** Peers of whom it is kept in mind by which secret they last connected; the one that connected first is forgotten. */
export const MAX_PROVED_PEERS = 8_192

/** A secret and how long it opens connections. */
export interface TimedSecret {
  /** 32 bytes. */
  readonly secret: Uint8Array
  /** Milliseconds since the epoch; undefined for the newest, which has no end yet. */
  readonly until: number | undefined
}

/** What a connection proves that it knows: the secrets of a mesh that are valid at the moment. */
export class MeshSecrets {
  #secrets: readonly TimedSecret[]
  /** By peer id: the secret of its last handshake. */
  readonly #proved = new Map<string, Uint8Array>()

  /** @param secrets the newest first; one alone is valid for ever */
  constructor(secrets: Uint8Array | readonly TimedSecret[]) {
    this.#secrets = secrets instanceof Uint8Array ? [{ secret: secrets, until: undefined }] : secrets
  }

  /** Replaces them, the newest first: connections that are up go on. */
  set(secrets: readonly TimedSecret[]): void {
    this.#secrets = secrets.slice(0, MAX_SECRETS)
  }

  get newest(): Uint8Array {
    return this.#secrets[0]!.secret
  }

  /** Those that open connections now, the newest first. */
  valid(): TimedSecret[] {
    const now = Date.now()
    return this.#secrets.filter(({ until }) => until === undefined || now < until).slice(0, MAX_SECRETS)
  }

  /** A peer has shown that it knows a secret. */
  prove(peer: string, secret: Uint8Array): void {
    this.#proved.delete(peer)
    this.#proved.set(peer, secret)
    const [first] = this.#proved.keys()
    if (this.#proved.size > MAX_PROVED_PEERS) this.#proved.delete(first!)
  }

  /** Whether the last handshake of a peer was by the newest secret. */
  hasNewest(peer: string): boolean {
    const proved = this.#proved.get(peer)
    return proved !== undefined && Buffer.from(proved).equals(this.newest)
  }
}

/** Bytes for one purpose, from which the secret cannot be had (HKDF, RFC 5869). */
export function deriveFrom(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), purpose, 32))
}
