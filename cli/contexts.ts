import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'

/** Contexts that are kept. */
export const MAX_CONTEXTS = 256
/** Bytes of the file that keeps them. */
export const MAX_CONTEXTS_BYTES = 64 * 1024

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

/** Names of meshes that this user looks at, and the one that is meant when none is given. */
export interface Contexts {
  readonly current: string | undefined
  /** The mesh of each context, by its name. */
  readonly meshes: ReadonlyMap<string, string>
}

/** Where they are kept, by the XDG base directory specification. */
export function contextsFile(): string {
  const given = process.env['XDG_CONFIG_HOME']
  const directory = given === undefined || given === '' ? join(homedir(), '.config') : given
  return join(directory, 'greenroom', 'contexts.json')
}

/** @throws CommandError `CONTEXTS_UNUSABLE` when the file is not this user's own, or holds something else */
export function readContexts(): Contexts {
  const file = contextsFile()
  const text = readOwn(file)
  if (text === undefined) return { current: undefined, meshes: new Map() }
  const { current, contexts } = parse(text, file)
  const meshes = new Map<string, string>()
  for (const [name, context] of Object.entries(contexts)) {
    const mesh = (context as { mesh?: unknown } | null)?.mesh
    if (!NAME.test(name) || typeof mesh !== 'string')
      throw unusable(file, `context '${name.slice(0, 64)}' names no mesh`)
    meshes.set(name, mesh)
  }
  return { current: typeof current === 'string' && meshes.has(current) ? current : undefined, meshes }
}

/** Puts them in the place of those that were kept: nobody reads half a file. */
export function keepContexts({ current, meshes }: Contexts): void {
  if (meshes.size > MAX_CONTEXTS)
    throw new CommandError(
      'TOO_MANY_CONTEXTS',
      EXIT.failed,
      `${MAX_CONTEXTS} contexts are kept: 'greenroom context remove <name>' makes room`,
    )
  const file = contextsFile()
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const contexts = Object.fromEntries([...meshes].map(([name, mesh]) => [name, { mesh }]))
  const aside = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(aside, `${JSON.stringify({ current: current ?? null, contexts }, null, 2)}\n`, {
      mode: 0o600,
      flag: 'wx',
    })
    renameSync(aside, file)
  } catch (error) {
    rmSync(aside, { force: true })
    throw error
  }
}

/** @throws CommandError `BAD_NAME` */
export function checkContextName(name: string): void {
  if (NAME.test(name)) return
  throw new CommandError(
    'BAD_NAME',
    EXIT.usage,
    `a context is called by 1 to 64 letters, digits, '.', '_' or '-', not beginning with a dot, got '${name.slice(0, 64)}'`,
  )
}

/** @throws CommandError `NO_CONTEXT` that lists those that there are */
export function meshOf({ meshes }: Contexts, name: string): string {
  const mesh = meshes.get(name)
  if (mesh !== undefined) return mesh
  const known = meshes.size === 0 ? 'there is none' : `there are ${[...meshes.keys()].join(', ')}`
  throw new CommandError(
    'NO_CONTEXT',
    EXIT.usage,
    `no context is called '${name}': ${known}; 'greenroom context add ${name} <mesh or invitation>' makes it`,
    { contexts: [...meshes.keys()] },
  )
}

function readOwn(file: string): string | undefined {
  try {
    const { mode, size, uid } = statSync(file)
    const user = process.getuid?.()
    if (user !== undefined && uid !== user) throw unusable(file, `it belongs to user ${uid}`)
    if (user !== undefined && (mode & 0o022) !== 0) throw unusable(file, `others may write it: run chmod 600 ${file}`)
    if (size > MAX_CONTEXTS_BYTES) throw unusable(file, `it has ${size} bytes, more than ${MAX_CONTEXTS_BYTES}`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}

function parse(text: string, file: string): { readonly current: unknown; readonly contexts: object } {
  try {
    const { current, contexts } = JSON.parse(text) as { current?: unknown; contexts?: unknown }
    if (typeof contexts === 'object' && contexts !== null) return { current, contexts }
  } catch {
    // told below
  }
  throw unusable(file, 'it cannot be read')
}

function unusable(file: string, why: string): CommandError {
  return new CommandError(
    'CONTEXTS_UNUSABLE',
    EXIT.failed,
    `the contexts in ${file} cannot be used: ${why}; mend it, or delete it and add them again`,
  )
}
