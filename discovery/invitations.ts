import { constants } from 'node:fs'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GreenroomError } from '../node/errors.ts'
import { checkLimits, type Grant, isGenuine, newGrant } from './invitation.ts'
import { codeOf, openPrivateDirectory } from './private-files.ts'

/** Counted invitations of one mesh that this machine keeps count of at a time. */
export const MAX_COUNTED_INVITATIONS = 256

/** How long and how often an invitation is good. */
export interface InvitationLimits {
  /** Milliseconds from now, one second to 366 days; default for ever. */
  readonly expiresInMs?: number | undefined
  /** Actors that it lets in, 1 to 10,000; default any number. A counted one is good at the machine that made it alone. */
  readonly uses?: number | undefined
}

/** Why the door stays shut, in words for whoever holds the invitation. */
export type Refusal = string

/**
 * The invitations of a mesh, as one machine makes and honours them.
 *
 * Whoever has the mesh secret can tell a genuine one by its MAC (HMAC, RFC 2104), so nothing is kept of those that are
 * not counted. Of a counted one there is a directory with a file for each use, which its maker creates exclusively:
 * several roots of a machine never let in more than it says.
 */
export class Invitations {
  readonly #mesh: string
  readonly #secret: () => Uint8Array
  readonly #directory: string

  /**
   * @param secret the newest of the mesh
   * @param directory of the mesh, private to this user
   */
  constructor(mesh: string, secret: () => Uint8Array, directory: string) {
    this.#mesh = mesh
    this.#secret = secret
    this.#directory = join(directory, 'invitations')
  }

  /**
   * @throws InvalidArgument when the limits are out of bounds
   * @throws GreenroomError `TOO_MANY_INVITATIONS`
   */
  async issue({ expiresInMs, uses }: InvitationLimits): Promise<Grant> {
    checkLimits(expiresInMs, uses)
    const expires = expiresInMs === undefined ? undefined : Date.now() + Math.ceil(expiresInMs)
    const grant = newGrant(this.#secret(), this.#mesh, { expires, uses })
    if (uses === undefined) return grant
    await openPrivateDirectory(this.#directory)
    await this.#makeRoom()
    await mkdir(this.#placeOf(grant), { mode: 0o700 })
    return grant
  }

  /** Lets a peer in, who may come again by the same use; gives why not when it does not. */
  async admit(grant: Grant, peer: string): Promise<Refusal | undefined> {
    if (grant.mesh !== this.#mesh || !isGenuine(this.#secret(), grant))
      return 'it is not one of this mesh, or from before the secret of the mesh was changed: ask for a new one'
    if (grant.expires !== undefined && Date.now() >= grant.expires)
      return `it expired at ${new Date(grant.expires).toISOString()}: ask for a new one`
    return grant.uses === undefined ? undefined : await this.#count(this.#placeOf(grant), grant.uses, peer)
  }

  async #count(place: string, uses: number, peer: string): Promise<Refusal | undefined> {
    try {
      const used = await readdir(place)
      if (used.includes(peer)) return undefined
      for (let use = used.length; use < uses; use++) {
        // the number is taken first: two roots that count at the same moment must not both take the last one
        if (!(await createNew(join(place, `.${use}`)))) continue
        await createNew(join(place, peer))
        return undefined
      }
      return `it was used ${uses === 1 ? 'already' : `${uses} times already, as often as it may be`}: ask for a new one`
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return 'its uses are counted on the machine that made it: join by that one'
      throw error
    }
  }

  #placeOf({ id, expires, uses }: Grant): string {
    return join(this.#directory, `${id}.${expires ?? 0}.${uses}`)
  }

  async #makeRoom(): Promise<void> {
    const names = await readdir(this.#directory)
    const over = names.filter((name) => {
      const expires = Number(name.split('.')[1])
      return expires > 0 && expires < Date.now()
    })
    for (const name of over) await rm(join(this.#directory, name), { recursive: true, force: true })
    if (names.length - over.length < MAX_COUNTED_INVITATIONS) return
    throw new GreenroomError(
      'TOO_MANY_INVITATIONS',
      `${names.length - over.length} counted invitations of mesh '${this.#mesh}' are open: remove some of ${this.#directory}, or give new ones an end`,
    )
  }
}

/** Gives whether the file was not there before. */
async function createNew(file: string): Promise<boolean> {
  try {
    const handle = await open(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
    await handle.close()
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}
