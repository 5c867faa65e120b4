// Stands at the head of the module that runs the library, in the bundle that children boot from.
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { cachedDataVersionTag } from 'node:v8'
import { Script } from 'node:vm'

/** Processes that write the cache of a script, each with what the one before it has compiled, and what it has itself. */
const GENERATIONS = 3
/** Milliseconds after which a process writes it that has not ended: code that is not used for long is not kept compiled. */
const WRITE_AFTER_MS = 2_000

/**
 * Gives what a script evaluates to; whatever it compiled in earlier processes is not compiled again.
 *
 * @param file beside this one
 * @param hash of its text: V8 itself looks at its length alone
 */
export function runCached(file: string, hash: string): unknown {
  const url = new URL(`./${file}`, import.meta.url)
  const folder = new URL('./compile-cache/', import.meta.url)
  // the command runs other functions than children do
  const role = process.argv[1]?.endsWith('boot.mjs') === true ? 'child' : 'command'
  const cache = new URL(`${file}-${role}-${hash}-${cachedDataVersionTag()}`, folder)
  const kept = read(cache)
  const script = new Script(readFileSync(url, 'latin1'), {
    filename: url.href,
    cachedData: kept?.subarray(0, -1),
  })
  if (script.cachedDataRejected === true) remove(cache)
  const generation = kept === undefined || script.cachedDataRejected === true ? 0 : kept.at(-1)!
  if (generation < GENERATIONS) {
    const write = once(() => {
      if ((read(cache)?.at(-1) ?? 0) <= generation && canWrite(folder))
        replace(cache, Buffer.concat([script.createCachedData(), Buffer.of(generation + 1)]))
    })
    setTimeout(write, WRITE_AFTER_MS).unref()
    process.once('exit', (code) => {
      if (code === 0) write()
    })
  }
  return script.runInThisContext()
}

function read(file: URL): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

/** In a container that is read-only nobody makes what cannot be kept. */
function canWrite(folder: URL): boolean {
  try {
    mkdirSync(folder, { recursive: true })
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

function remove(file: URL): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // it stays, and is refused again
  }
}

/** Whole or not at all, as others read it meanwhile; without a cache all is compiled as it is needed. */
function replace(file: URL, content: Buffer): void {
  const aside = new URL(`${file.href}.${process.pid}-${Math.random().toString(36).slice(2)}`)
  try {
    writeFileSync(aside, content, { mode: 0o600 })
    renameSync(aside, file)
  } catch {
    remove(aside)
  }
}

function once(act: () => void): () => void {
  let done = false
  return () => {
    if (!done) act()
    done = true
  }
}
