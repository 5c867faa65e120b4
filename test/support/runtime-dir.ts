import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

const PREFIX = 'greenroom-test-'
const VARIABLE = 'XDG_RUNTIME_DIR'
const STATE_VARIABLE = 'XDG_STATE_HOME'

/** A runtime directory of a test's own. */
export interface RuntimeDir extends Disposable {
  readonly path: string
  /** The rendezvous files of running roots, as paths below the directory. */
  roots(): string[]
}

/**
 * Makes an empty runtime directory, with a state directory in it, and names both in the environment, which children
 * inherit, until it is disposed.
 */
export function makeRuntimeDir(): RuntimeDir {
  const before = process.env[VARIABLE]
  const stateBefore = process.env[STATE_VARIABLE]
  const path = mkdtempSync(join(tmpdir(), PREFIX))
  process.env[VARIABLE] = path
  process.env[STATE_VARIABLE] = join(path, 'state')
  return {
    path,
    roots: () => rootsIn(path),
    [Symbol.dispose]() {
      if (before === undefined) delete process.env[VARIABLE]
      else process.env[VARIABLE] = before
      if (stateBefore === undefined) delete process.env[STATE_VARIABLE]
      else process.env[STATE_VARIABLE] = stateBefore
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/**
 * Gives every test of the file, or of the `describe` block, a fresh runtime directory. Call it before
 * `expectNothingLeft()`: hooks of vitest run in reverse order after a test, so that one still finds the directory.
 */
export function useRuntimeDir(): { readonly path: string } {
  let current: RuntimeDir | undefined
  beforeEach(() => {
    current = makeRuntimeDir()
  })
  afterEach(() => current?.[Symbol.dispose]())
  return {
    get path() {
      if (current === undefined) throw new Error('there is a runtime directory only while a test runs')
      return current.path
    },
  }
}

/** The root files of the current runtime directory, when a test made it: others' programs may use the system's. */
export function rootsLeft(): string[] {
  const path = process.env[VARIABLE]
  return path !== undefined && path.startsWith(join(tmpdir(), PREFIX)) ? rootsIn(path) : []
}

function rootsIn(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) => /(^|\/)roots\/[^/]+$/.test(file))
}
