import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { GreenroomError, describeError } from '../node/errors.ts'
import { type KeptVotes, MAX_ELECTORS } from './core/quorum.ts'
import { clearTemporaryFiles, codeOf, openPrivateDirectory, readPrivateFile, temporaryName } from './private-files.ts'
import { lockForProcess, type ProcessLock } from './process-lock.ts'

/** Bytes of a vote file. */
export const MAX_VOTE_FILE_BYTES = 64 * 1024

/** Where the votes of an elector are kept. */
export interface VoteFileOptions {
  readonly mesh: string
  /** The elector's name: the file is its, whatever its peer id. */
  readonly name: string
  /** Default `$XDG_STATE_HOME`, else `~/.local/state`. */
  readonly stateDir?: string | undefined
}

/** The memory of an elector over all its processes, locked for this one. */
export interface VoteFile {
  readonly path: string
  /** What was in it when it was opened; undefined for a new one. */
  readonly votes: KeptVotes | undefined
  /** Resolves when the votes would survive a crash of the machine. One at a time. */
  write(votes: KeptVotes): Promise<void>
  /** Waits for a write under way and unlocks it. */
  close(): Promise<void>
}

/**
 * Opens, or begins, the vote file of an elector:
 * `<state directory>/greenroom-<uid>/<mesh>/votes/<hash of its name>.json`, mode 0600 in directories of mode 0700.
 *
 * @throws GreenroomError `VOTES_IN_USE` while another process is that elector, `VOTES_CORRUPT` when the file is not as
 * it was written, `VOTES_UNUSABLE` when it cannot be read or locked
 */
export async function openVoteFile({ mesh, name, stateDir = stateDirectory() }: VoteFileOptions): Promise<VoteFile> {
  const hash = createHash('sha256').update(name).digest('hex')
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
    const user = await openPrivateDirectory(join(stateDir, `greenroom-${process.getuid?.() ?? 'user'}`))
    const directory = await openPrivateDirectory(join(await openPrivateDirectory(join(user, mesh)), 'votes'))
    const lock = await lockForProcess(join(directory, `${hash}.lock`))
    if (typeof lock === 'number') {
      throw new GreenroomError(
        'VOTES_IN_USE',
        `process ${lock} is elector '${name}' of mesh '${mesh}' already: end it, or give this one another name`,
      )
    }
    try {
      await clearTemporaryFiles(directory, await readdir(directory))
      const path = join(directory, `${hash}.json`)
      const bytes = await readPrivateFile(path, MAX_VOTE_FILE_BYTES)
      return new LockedVoteFile(
        path,
        directory,
        name,
        bytes === undefined ? undefined : decode(bytes, name, path),
        lock,
      )
    } catch (error) {
      await lock.release()
      throw error
    }
  } catch (error) {
    if (error instanceof GreenroomError && error.code.startsWith('VOTES_')) throw error
    throw new GreenroomError(
      'VOTES_UNUSABLE',
      `the votes of elector '${name}' cannot be kept in ${stateDir}: ${describeError(error)}; give it a directory of this user by arbiter.stateDir or XDG_STATE_HOME`,
      { cause: error },
    )
  }
}

/** The directory for what outlives the user's sessions, by the XDG base directory specification. */
function stateDirectory(): string {
  const given = process.env['XDG_STATE_HOME']
  return given === undefined || given === '' ? join(homedir(), '.local', 'state') : given
}

class LockedVoteFile implements VoteFile {
  readonly path: string
  readonly votes: KeptVotes | undefined
  readonly #directory: string
  readonly #name: string
  readonly #lock: ProcessLock
  #writing: Promise<void> = Promise.resolve()

  constructor(path: string, directory: string, name: string, votes: KeptVotes | undefined, lock: ProcessLock) {
    this.path = path
    this.votes = votes
    this.#directory = directory
    this.#name = name
    this.#lock = lock
  }

  async write(votes: KeptVotes): Promise<void> {
    const turn = this.#writing.then(async () => await this.#replace(encode(votes, this.#name)))
    this.#writing = turn.catch(() => {})
    await turn
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#lock.release()
  }

  /** Whoever reads it after a crash finds the old text or the new one, whole. */
  async #replace(text: string): Promise<void> {
    await this.#checkLock()
    const temporary = join(this.#directory, temporaryName())
    const handle = await open(temporary, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    try {
      await rename(temporary, this.path)
    } catch (error) {
      await unlink(temporary).catch(() => {})
      throw error
    }
    await syncDirectory(this.#directory)
    // a vote that another process of this elector could contradict is not given
    await this.#checkLock()
  }

  async #checkLock(): Promise<void> {
    if (await this.#lock.isHeld()) return
    throw new GreenroomError(
      'VOTES_IN_USE',
      `the lock of elector '${this.#name}' was taken from this process: ${this.path} belongs to another one now`,
    )
  }
}

/** The new name of a file is on disk once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } catch (error) {
    // a system that cannot do that writes names through
    if (!['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP'].includes(codeOf(error) ?? '')) throw error
  } finally {
    await handle.close()
  }
}

function encode({ roll, settled, term, candidate }: KeptVotes, name: string): string {
  const body = JSON.stringify({ version: 1, elector: name, roll, settled, term, candidate })
  return `${body}\n${checksum(body)}\n`
}

function decode(bytes: Uint8Array, name: string, path: string): KeptVotes {
  const [body = '', sum, end] = new TextDecoder().decode(bytes).split('\n')
  if (sum !== checksum(body) || end !== '') throw corrupt(path, name, 'its checksum is wrong')
  const { version, elector, roll, settled, term, candidate } = JSON.parse(body) as Record<string, unknown>
  if (version !== 1) throw corrupt(path, name, `its version is ${JSON.stringify(version)}, this program knows 1`)
  if (elector !== name) throw corrupt(path, name, `it is of elector ${JSON.stringify(elector)}`)
  const isRoll = Array.isArray(roll) && roll.length <= MAX_ELECTORS && roll.every((one) => typeof one === 'string')
  if (!isRoll || typeof settled !== 'boolean' || !isWhole(term) || !isCandidate(candidate)) {
    throw corrupt(path, name, 'its fields are not those of a vote')
  }
  return { roll: roll as string[], settled, term, candidate }
}

function isCandidate(value: unknown): value is KeptVotes['candidate'] {
  if (value === null) return true
  if (typeof value !== 'object') return false
  const { peerId, inc } = value as { peerId?: unknown; inc?: unknown }
  return typeof peerId === 'string' && isWhole(inc)
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex')
}

function corrupt(path: string, name: string, why: string): GreenroomError {
  return new GreenroomError(
    'VOTES_CORRUPT',
    `the vote file of elector '${name}' cannot be trusted, ${why}: delete ${path}, and the elector votes again when it has heard from all the others`,
  )
}
