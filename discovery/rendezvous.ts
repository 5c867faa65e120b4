import { createHash, randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, readdir, rename, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { GreenroomError, InvalidArgument } from '../node/errors.ts'
import type { KeyStore } from '../node/identity.ts'
import { isRunning, startTimeOf } from './process-life.ts'
import {
  clearTemporaryFiles,
  codeOf,
  keepOnce,
  openPrivateDirectory,
  readPrivateFile,
  replacePrivateFile,
  runtimeDirectory,
  temporaryName,
} from './private-files.ts'
import { type Announcement, type Entry, readEntry, rendezvousLimits } from './rendezvous-entry.ts'
import { watchEntries } from './watch-entries.ts'

export type { Entry } from './rendezvous-entry.ts'

/** Where to meet. */
export interface RendezvousOptions {
  /** 1 to 64 letters, digits, `.`, `_`, `-`, not beginning with a dot. */
  readonly mesh: string
  /** Default `$XDG_RUNTIME_DIR`, else the system's directory for temporary files. */
  readonly runtimeDir?: string
  /** The mesh's, when it is known; default the one that is kept there, or a new one. */
  readonly secret?: Uint8Array | undefined
  /** Whether another one that is kept there is a former one of that mesh; default it is not. */
  readonly isFormer?: ((kept: Uint8Array) => boolean) | undefined
  /**
   * Longest time until a change is noticed when the file system does not tell, in milliseconds, 50 to 60,000; default
   * 2,000.
   */
  readonly rescan?: number
}

/** The private directory in which one user's programs of one mesh name find each other on one machine. */
export interface Rendezvous {
  /** 32 bytes that every program of this mesh has, and no other user; as it was kept when this was opened. */
  readonly secret: Uint8Array
  /** Where it is. */
  readonly directory: string
  /**
   * Makes this root findable, or changes what is said of it. Announce first and read `entries` then: of two programs
   * that start at the same moment at least one sees the other.
   *
   * @throws GreenroomError `IDENTITY_IN_USE` when another running process has announced this peer id
   */
  announce(announcement: Announcement): Promise<void>
  /** The other running roots. What is left of programs that are gone, and files that are no entries, is removed. */
  entries(): Promise<Entry[]>
  /**
   * Calls back with the entries whenever they have changed, at once for the first time; gives the function that stops
   * it.
   */
  watch(onChange: (entries: Entry[]) => void): () => void
  /**
   * Removes the entry of a root that refused a dial. A live program that is wronged by this announces itself again
   * while it watches. An entry that was changed since `entries` gave it out stays.
   */
  forget(peerId: string): Promise<void>
  /** Where the identity of an actor's name is kept, from one start to the next. */
  keyFor(name: string): KeyStore
  /** Keeps another secret from now on. */
  keepSecret(secret: Uint8Array): Promise<void>
  /** Removes the directory with all that is kept in it; nothing of the mesh may be running here. */
  discard(): Promise<void>
  /** Stops watching and takes the own entry away. */
  close(): Promise<void>
}

const meshName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

/** Whether a mesh may have that name, which is also that of a directory. */
export function isMeshName(name: string): boolean {
  return meshName.test(name)
}

const secretBytes = 32
const SECRET_FILE = 'secret'

/**
 * Opens the rendezvous of a mesh: `<runtime directory>/greenroom-<uid>/<mesh>/` with the mesh's `secret`, a file for
 * each running root in `roots/`, and kept identities in `keys/`. Directories have mode 0700, files 0600.
 *
 * @throws InvalidArgument when the mesh name cannot be used
 * @throws GreenroomError `RENDEZVOUS_UNSAFE` when another user could get at the directory, `RENDEZVOUS_UNUSABLE` when
 * it
 * cannot be made or read
 * @example
 * ```ts
 * const rendezvous = await openRendezvous({ mesh: 'demo' })
 * await rendezvous.announce({ peerId, addrs, name: 'root' })
 * const others = await rendezvous.entries()
 * ```
 */
export async function openRendezvous(options: RendezvousOptions): Promise<Rendezvous> {
  const { mesh, runtimeDir = runtimeDirectory(), rescan = 2_000 } = options
  if (!isMeshName(mesh)) {
    throw new InvalidArgument(
      `mesh '${mesh.slice(0, 80)}' cannot be used as a mesh name: give 1 to 64 letters, digits, '.', '_' or '-', not beginning with a dot`,
    )
  }
  if (!(rescan >= 50 && rescan <= 60_000)) {
    throw new InvalidArgument(`rescan is ${rescan}: give 50 to 60000 milliseconds`)
  }
  const user = await openPrivateDirectory(join(runtimeDir, `greenroom-${process.getuid?.() ?? 'user'}`))
  const directory = await openPrivateDirectory(join(user, mesh))
  const roots = await openPrivateDirectory(join(directory, 'roots'))
  const keys = await openPrivateDirectory(join(directory, 'keys'))
  for (const place of [directory, keys]) await clearTemporaryFiles(place, await readdir(place))
  const secretFile = join(directory, SECRET_FILE)
  const secret = await keepOnce(secretFile, () => options.secret ?? randomBytes(secretBytes), secretBytes)
  if (secret.length !== secretBytes) {
    throw new GreenroomError(
      'RENDEZVOUS_UNUSABLE',
      `${secretFile} has ${secret.length} bytes instead of ${secretBytes}: delete it when no program of mesh '${mesh}' is running`,
    )
  }
  if (options.secret !== undefined && !Buffer.from(secret).equals(options.secret)) {
    if (options.isFormer?.(secret) === true) {
      await replacePrivateFile(secretFile, options.secret)
      return new Directory(directory, roots, keys, options.secret, rescan)
    }
    throw new GreenroomError(
      'MESH_NAME_IN_USE',
      `programs of this machine have another mesh of the name '${mesh}': end them and delete ${directory}, then join again`,
    )
  }
  return new Directory(directory, roots, keys, secret, rescan)
}

class Directory implements Rendezvous {
  readonly directory: string
  readonly secret: Uint8Array
  readonly #roots: string
  readonly #keys: string
  readonly #rescan: number
  /** Own entries by peer id, as they were announced. */
  readonly #own = new Map<string, string>()
  /** By peer id: the text in which an entry was last given out. */
  readonly #seen = new Map<string, string>()
  readonly #watches = new Set<() => void>()
  /** The last write under way; never rejects. */
  #writing: Promise<void> = Promise.resolve()

  constructor(directory: string, roots: string, keys: string, secret: Uint8Array, rescan: number) {
    this.directory = directory
    this.#roots = roots
    this.#keys = keys
    this.secret = secret
    this.#rescan = rescan
  }

  async announce({ peerId, addrs, name }: Announcement): Promise<void> {
    const entry: Entry = { peerId, pid: process.pid, startedAt: startTimeOf(process.pid), addrs: [...addrs], name }
    const text = JSON.stringify(entry)
    if (readEntry(text, peerId) === undefined || text.length > rendezvousLimits.entryBytes) {
      throw new InvalidArgument(
        `the root '${name}' cannot be announced with peer id '${peerId}' and ${addrs.length} addresses`,
      )
    }
    await this.#inTurn(async () => {
      const before = this.#own.get(peerId)
      this.#own.set(peerId, text)
      try {
        await this.#write(peerId, text, before !== undefined)
      } catch (error) {
        if (before === undefined) this.#own.delete(peerId)
        else this.#own.set(peerId, before)
        throw error
      }
    })
  }

  async entries(): Promise<Entry[]> {
    const found: Entry[] = []
    const names = (await readdir(this.#roots)).sort()
    await clearTemporaryFiles(this.#roots, names)
    for (const name of names.slice(0, rendezvousLimits.entries)) {
      if (name.startsWith('.') || !name.endsWith('.json')) continue
      const peerId = name.slice(0, -'.json'.length)
      if (this.#own.has(peerId)) continue
      const text = await this.#read(peerId)
      if (text === undefined) continue
      const entry = readEntry(text, peerId)
      if (entry === undefined || !isRunning(entry.pid, entry.startedAt)) {
        await this.#remove(peerId, text)
        continue
      }
      this.#seen.set(peerId, text)
      found.push(entry)
    }
    for (const peerId of this.#seen.keys()) {
      if (!found.some((entry) => entry.peerId === peerId)) this.#seen.delete(peerId)
    }
    return found
  }

  watch(onChange: (entries: Entry[]) => void): () => void {
    let last: string | undefined
    const read = async (): Promise<Entry[]> => {
      await this.#inTurn(async () => await this.#restore())
      return await this.entries()
    }
    const unwatch = watchEntries(this.#roots, this.#rescan, read, (entries) => {
      const now = JSON.stringify(entries)
      if (now === last) return
      last = now
      onChange(entries)
    })
    const stop = (): void => {
      this.#watches.delete(stop)
      unwatch()
    }
    this.#watches.add(stop)
    return stop
  }

  async forget(peerId: string): Promise<void> {
    const seen = this.#seen.get(peerId)
    if (seen === undefined || this.#own.has(peerId)) return
    await this.#remove(peerId, seen)
  }

  keyFor(name: string): KeyStore {
    // a name may hold any character, a file name may not
    const file = join(this.#keys, `${createHash('sha256').update(name).digest('hex')}.key`)
    return {
      load: async () => await readPrivateFile(file, rendezvousLimits.keyBytes),
      store: async (key) => await keepOnce(file, () => key, rendezvousLimits.keyBytes),
    }
  }

  async keepSecret(secret: Uint8Array): Promise<void> {
    await replacePrivateFile(join(this.directory, SECRET_FILE), secret)
  }

  async discard(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }

  async close(): Promise<void> {
    for (const stop of this.#watches) stop()
    await this.#inTurn(async () => {
      for (const [peerId, text] of this.#own) await this.#remove(peerId, text)
      this.#own.clear()
    })
  }

  /** Writes happen one after another: what is written again and what is taken away must not cross. */
  async #inTurn(write: () => Promise<void>): Promise<void> {
    const turn = this.#writing.then(write)
    this.#writing = turn.catch(() => {})
    await turn
  }

  /** Somebody found this root unreachable for a moment and removed its entry. */
  async #restore(): Promise<void> {
    for (const [peerId, text] of this.#own) {
      if ((await this.#read(peerId)) === undefined) await this.#write(peerId, text, false)
    }
  }

  #file(peerId: string): string {
    return join(this.#roots, `${peerId}.json`)
  }

  /** Written aside and put in place as a whole: nobody ever reads half an entry. */
  async #write(peerId: string, text: string, replace: boolean): Promise<void> {
    const temporary = join(this.#roots, temporaryName())
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
    } finally {
      await handle.close()
    }
    try {
      if (replace) await rename(temporary, this.#file(peerId))
      else await this.#place(temporary, peerId)
    } finally {
      await unlink(temporary).catch(ignoreMissing)
    }
  }

  /** Puts a new entry in the place of none, or of one whose program is gone. */
  async #place(temporary: string, peerId: string): Promise<void> {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        await link(temporary, this.#file(peerId))
        return
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
      const text = await this.#read(peerId)
      if (text === undefined) continue
      const entry = readEntry(text, peerId)
      if (entry !== undefined && entry.pid !== process.pid && isRunning(entry.pid, entry.startedAt)) {
        throw new GreenroomError(
          'IDENTITY_IN_USE',
          `process ${entry.pid} ('${entry.name}') is already running with the identity ${peerId}: end it, or start this one under another name or with a fresh identity`,
        )
      }
      await this.#remove(peerId, text)
    }
    throw new GreenroomError('RENDEZVOUS_UNUSABLE', `${this.#file(peerId)} is replaced again and again by others`)
  }

  /** The text of an entry; undefined when there is none. What cannot be an entry comes as an empty text. */
  async #read(peerId: string): Promise<string | undefined> {
    try {
      const handle = await open(this.#file(peerId), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      try {
        const stat = await handle.stat()
        return stat.isFile() && stat.size <= rendezvousLimits.entryBytes ? await handle.readFile('utf8') : ''
      } finally {
        await handle.close()
      }
    } catch (error) {
      return codeOf(error) === 'ENOENT' ? undefined : ''
    }
  }

  /** Removes an entry, unless it has become another since it was read. */
  async #remove(peerId: string, text: string): Promise<void> {
    if ((await this.#read(peerId)) !== text) return
    // a directory of that name is not ours to delete
    await unlink(this.#file(peerId)).catch(ignore)
    this.#seen.delete(peerId)
  }
}

function ignoreMissing(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error
}

function ignore(): void {}
