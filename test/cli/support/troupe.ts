import { type Program, startProgram } from '../../support/program.ts'
import { makeRuntimeDir } from '../../support/runtime-dir.ts'
import { watchProcesses } from '../../support/process-watcher.ts'

const program = new URL('../fixtures/troupe.ts', import.meta.url)

/** Roots with actors below them, in a runtime directory of their own; all of them see all when it is there. */
export interface Troupe extends AsyncDisposable {
  readonly path: string
  readonly roots: ReadonlyMap<string, Program>
}

/** @param trees of each root its name and those of its actors */
export async function startTroupe(mesh: string, trees: readonly (readonly string[])[]): Promise<Troupe> {
  const runtime = makeRuntimeDir()
  const processes = watchProcesses()
  const roots = new Map<string, Program>()
  const total = String(trees.flat().length)
  for (const [root = '', ...actors] of trees)
    roots.set(root, await startProgram(program, { args: [mesh, total, root, ...actors] }))
  for (const [name, root] of roots) await root.waitForLine(`${name} is ready`, 20_000)
  return {
    path: runtime.path,
    roots,
    async [Symbol.asyncDispose]() {
      for (const root of roots.values()) root.kill('SIGTERM')
      for (const root of roots.values()) await root.waitForExit()
      // an overloaded root may have had no time to take its entry away, which whoever finds it does
      await processes.expectNoneLeft()
      runtime[Symbol.dispose]()
    },
  }
}
