import { CommandError } from './command-error.ts'
import { meshOf, readContexts } from './contexts.ts'
import { EXIT } from './exit-code.ts'

/** Which mesh is looked at when nobody says which. */
export const DEFAULT_MESH = 'default'

export interface MeshChoice {
  readonly mesh?: string
  readonly context?: string
}

/**
 * The mesh that is meant: `--mesh`, else that of `--context`, else `GREENROOM_MESH`, else that of `GREENROOM_CONTEXT`, else
 * that of the context in use, else `default`.
 */
export function chooseMesh({ mesh, context }: MeshChoice): string {
  if (mesh !== undefined && context !== undefined)
    throw new CommandError('TWO_MESHES', EXIT.usage, '--mesh and --context both say which mesh: give one of them')
  if (mesh !== undefined) return mesh
  if (context !== undefined) return meshOf(readContexts(), context)
  const { GREENROOM_MESH: meshOfShell, GREENROOM_CONTEXT: contextOfShell } = process.env
  if (meshOfShell) return meshOfShell
  const contexts = readContexts()
  if (contextOfShell) return meshOf(contexts, contextOfShell)
  return contexts.current === undefined ? DEFAULT_MESH : meshOf(contexts, contexts.current)
}
