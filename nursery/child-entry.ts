import { createHash } from 'node:crypto'
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { areaLog } from '../node/log.ts'

/** Bundles of earlier sources that are kept: programs that run may still start children from them. */
export const MAX_BUNDLES = 8

/** What the project's own script gives; a package has no such script, it has the bundle. */
interface Bundler {
  writeBootBundle(from: string, extension: '.ts', to: string): Promise<void>
}

let entry: string | undefined

/**
 * The file that a child process runs, once {@link prepareChildEntry} has looked for a bundle.
 *
 * A bundle of the library and what it stands on loads some five times faster than their modules one by one.
 */
export function childEntry(): string {
  return entry ?? fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))
}

/** Says what this very process was started with: its children are started with the same. */
export function useChildEntry(file: string): void {
  entry = file
}

/**
 * Finds the bundle that children boot from: the package has one; from sources it is made when they have changed.
 * Without one children load the modules one by one. `GREENROOM_BOOT=modules` asks for that, to debug the library.
 */
export async function prepareChildEntry(): Promise<void> {
  entry ??= await findBootFile()
}

/** The file `boot.mjs` of the bundle, if there is one. */
export async function findBootFile(): Promise<string | undefined> {
  if (process.env['GREENROOM_BOOT'] === 'modules') return undefined
  // what runs from the bundle itself, as the command does
  const beside = fileURLToPath(new URL('./boot.mjs', import.meta.url))
  if (existsSync(beside)) return beside
  const library = fileURLToPath(new URL('..', import.meta.url))
  const packaged = join(library, 'boot', 'boot.mjs')
  if (existsSync(packaged)) return packaged
  return extname(import.meta.url) === '.ts' ? await bundleOf(library) : undefined
}

async function bundleOf(library: string): Promise<string | undefined> {
  try {
    const cache = join(library, 'node_modules', '.cache', 'greenroom')
    const folder = join(cache, fingerprint(library))
    const file = join(folder, 'boot.mjs')
    if (!existsSync(file)) await makeBundle(library, cache, folder)
    else utimesSync(folder, new Date(), new Date())
    return file
  } catch (error) {
    areaLog('nursery').debug('no bundle to boot from', error)
    return undefined
  }
}

/** Made aside and moved into place: several programs may do so at once, and any of them may be killed meanwhile. */
async function makeBundle(library: string, cache: string, folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true })
  const aside = mkdtempSync(join(cache, 'making-'))
  try {
    const script = new URL('../scripts/boot-bundle.ts', import.meta.url).href
    const bundler = (await import(script)) as Bundler
    await bundler.writeBootBundle(library, '.ts', aside)
    renameSync(aside, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  } finally {
    rmSync(aside, { recursive: true, force: true })
    removeOldest(cache)
  }
}

function removeOldest(cache: string): void {
  const bundles = readdirSync(cache)
    .map((name) => join(cache, name))
    .map((path) => ({ path, at: statSync(path).mtimeMs }))
    .toSorted((a, b) => b.at - a.at)
  for (const { path } of bundles.slice(MAX_BUNDLES)) rmSync(path, { recursive: true, force: true })
}

/** Changes with each file that goes into the bundle; sources by their time and size, dependencies by the lockfile. */
function fingerprint(library: string): string {
  const hash = createHash('sha256')
  hash.update(`${library}\n${process.version}\n`)
  const sources = globSync(
    [
      '*.ts',
      'package-lock.json',
      'scripts/{boot-bundle,lean-modules,library-script}.ts',
      'scripts/lean/*.ts',
      '{node,rpc,discovery,telemetry,nursery,cli}/**/*.ts',
    ],
    { cwd: library },
  )
  for (const file of sources.toSorted()) {
    const { mtimeMs, size } = statSync(join(library, file))
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex').slice(0, 32)
}
