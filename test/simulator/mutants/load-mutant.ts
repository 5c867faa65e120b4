import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { CoreUnderTest } from '../simulation-options.ts'

/** A rule of the core turned off: one place in one of its files, replaced. */
export interface Mutation {
  /** The rule, in words. */
  readonly rule: string
  /** File name in `discovery/core/`. */
  readonly file: string
  /** The text that makes the rule; it must stand in the file exactly once. */
  readonly find: string
  readonly replace: string
}

const core = new URL('../../../discovery/core/', import.meta.url)
const key = 'mutant'
const mutations = new Map<string, readonly Mutation[]>()
let hooked = false

/**
 * Loads a second core with a rule turned off, or some, beside the real one. Nothing in the core knows of this: its files are
 * loaded again under addresses with a query, and the text of some is changed on the way, in one place each.
 *
 * @throws Error when the text of the rule does not stand in its file exactly once
 */
export async function loadMutant(...changes: readonly Mutation[]): Promise<CoreUnderTest> {
  for (const change of changes) mutate(textOf(change.file), change)
  if (!hooked) hook()
  hooked = true
  const name = String(mutations.size)
  mutations.set(name, changes)
  const load = async (file: string): Promise<unknown> => await import(`${new URL(file, core).href}?${key}=${name}`)
  const [{ step }, { createCore }, { isArbiter }] = (await Promise.all(
    ['core.ts', 'state.ts', 'election.ts'].map(load),
  )) as [Pick<CoreUnderTest, 'step'>, Pick<CoreUnderTest, 'createCore'>, Pick<CoreUnderTest, 'isArbiter'>]
  return { step, createCore, isArbiter }
}

/** The text of a core file with a rule turned off. */
function mutate(source: string, { rule, file, find, replace }: Mutation): string {
  const parts = source.split(find)
  if (parts.length === 2) return parts.join(replace)
  throw new Error(
    `the rule "${rule}" does not stand once in discovery/core/${file}, but ${parts.length - 1} times: ${find}. Where it has moved or is written otherwise now, say so in test/simulator/mutants/mutations.ts`,
  )
}

function textOf(file: string): string {
  return readFileSync(new URL(file, core), 'utf8')
}

function hook(): void {
  registerHooks({
    resolve: (specifier, context, next) => {
      const resolved = next(specifier, context)
      const name = context.parentURL === undefined ? null : new URL(context.parentURL).searchParams.get(key)
      // what the core shares with the rest of the project stays one module
      if (name === null || !resolved.url.startsWith(core.href)) return resolved
      return { ...resolved, url: `${resolved.url}?${key}=${name}` }
    },
    load: (url, context, next) => {
      const name = url.startsWith(core.href) ? new URL(url).searchParams.get(key) : null
      const changes = name === null ? undefined : mutations.get(name)
      if (changes === undefined) return next(url, context)
      const file = new URL(url)
      file.search = ''
      const source = changes
        .filter((change) => file.href === new URL(change.file, core).href)
        .reduce(mutate, readFileSync(fileURLToPath(file), 'utf8'))
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}
