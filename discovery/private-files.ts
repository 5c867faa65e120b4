import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, lstat, mkdir, open, rename, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { GreenroomError, describeError } from '../node/errors.ts'
import { isRunning, startTimeOf } from './process-life.ts'

/**
 * The directory for what lives as long as the user's session, by the XDG base directory specification; else for
 * temporary files.
 */
export function runtimeDirectory(): string {
  const given = process.env['XDG_RUNTIME_DIR']
  return given === undefined || given === '' ? tmpdir() : given
}

/**
 * Makes a directory that only this user can enter, or checks that the one which is there is such; gives its path.
 *
 * @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE`
 */
export async function openPrivateDirectory(path: string): Promise<string> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw unusable(
        `${path} cannot be made`,
        error,
        `make ${dirname(path)} writable, or set XDG_RUNTIME_DIR to a directory that is`,
      )
    }
  }
  const stat = await lstat(path).catch((error: unknown) => {
    throw unusable(`${path} cannot be read`, error, `look at its permissions`)
  })
  if (stat.isSymbolicLink()) throw unsafe(`${path} is a symbolic link`, 'remove it')
  if (!stat.isDirectory()) throw unsafe(`${path} is not a directory`, 'remove it')
  checkOwner(path, stat)
  if ((stat.mode & 0o077) !== 0) {
    throw unsafe(`${path} has mode ${showMode(stat.mode)}, so other users can get at it`, `run chmod 700 ${path}`)
  }
  return path
}

/**
 * Reads a small file that only this user can read; undefined when there is none.
 *
 * @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE`
 */
export async function readPrivateFile(path: string, mostBytes: number): Promise<Uint8Array | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      if (codeOf(error) === 'ELOOP') throw unsafe(`${path} is a symbolic link`, 'remove it')
      throw unusable(`${path} cannot be read`, error, 'look at its permissions')
    },
  )
  if (handle === undefined) return undefined
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw unsafe(`${path} is not a file`, 'remove it')
    checkOwner(path, stat)
    if ((stat.mode & 0o077) !== 0) {
      throw unsafe(
        `${path} has mode ${showMode(stat.mode)}, so other users may have read it`,
        'delete it when none of your programs uses it; a new one is made',
      )
    }
    if (stat.size > mostBytes) {
      throw unusable(
        `${path} has ${stat.size} bytes, more than ${mostBytes}`,
        undefined,
        'delete it when no program uses it',
      )
    }
    return new Uint8Array(await handle.readFile())
  } finally {
    await handle.close()
  }
}

/**
 * Reads a private file, or makes it with the bytes of `make`. Of several processes that do this at once one wins, and
 * all get its bytes.
 */
export async function keepOnce(path: string, make: () => Uint8Array, mostBytes: number): Promise<Uint8Array> {
  const kept = await readPrivateFile(path, mostBytes)
  if (kept !== undefined) return kept
  const temporary = join(dirname(path), temporaryName())
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(make())
    // whoever finds the file finds all of it, also after a power cut
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    // unlike a rename, a link never replaces what another process has put there
    await link(temporary, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await unlink(temporary)
  }
  const stored = await readPrivateFile(path, mostBytes)
  if (stored === undefined) throw unusable(`${path} vanished while it was made`, undefined, 'try again')
  return stored
}

/** Puts a private file in the place of another one, or of none: whoever reads it meanwhile gets one of them, whole. */
export async function replacePrivateFile(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), temporaryName())
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(data)
    // whoever finds the file finds all of it, also after a power cut
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
}

/**
 * A name for a file that is being written; it tells whose it is, so that others can remove what a dead program left.
 */
export function temporaryName(): string {
  return `.${process.pid}-${startTimeOf(process.pid) ?? ''}-${randomBytes(6).toString('hex')}`
}

/** Removes those of the named files that programs left half written when they died. */
export async function clearTemporaryFiles(directory: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const [, pid, startedAt] = /^\.(\d{1,10})-(\d*)-[0-9a-f]+$/.exec(name) ?? []
    if (pid === undefined || startedAt === undefined) continue
    if (isRunning(Number(pid), startedAt === '' ? null : startedAt)) continue
    // another program may have removed it just now
    await unlink(join(directory, name)).catch(() => {})
  }
}

/** The code of a system error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined
}

function checkOwner(path: string, { uid }: { readonly uid: number }): void {
  const self = process.getuid?.()
  if (self === undefined || uid === self) return
  throw unsafe(
    `${path} belongs to user ${uid}, not to user ${self} who runs this program`,
    'remove it, or set XDG_RUNTIME_DIR to a directory of your own',
  )
}

function showMode(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0')
}

function unsafe(what: string, todo: string): GreenroomError {
  return new GreenroomError('RENDEZVOUS_UNSAFE', `the rendezvous is not safe: ${what}; ${todo}`)
}

function unusable(what: string, cause: unknown, todo: string): GreenroomError {
  const why = cause === undefined ? '' : ` (${describeError(cause)})`
  return new GreenroomError('RENDEZVOUS_UNUSABLE', `the rendezvous cannot be used: ${what}${why}; ${todo}`, { cause })
}
