import { CommandError } from '../command-error.ts'
import { checkContextName, type Contexts, contextsFile, keepContexts, meshOf, readContexts } from '../contexts.ts'
import { EXIT } from '../exit-code.ts'
import { givenInvitation } from '../given-invitation.ts'
import { openOutput } from '../output.ts'
import { readInputLine } from '../read-input.ts'
import type { Column } from '../table.ts'

/** A named mesh, as `context list --json` prints it. */
export interface ContextReport {
  readonly name: string
  readonly mesh: string
  /** Whether it is meant when none is given. */
  readonly current: boolean
}

export interface ContextOptions {
  readonly json?: boolean
  readonly use?: boolean
}

export async function listContexts(options: ContextOptions): Promise<void> {
  const output = openOutput(options.json === true)
  const reports = reportsOf(readContexts())
  if (output.json) await output.document(reports)
  else if (reports.length === 0)
    output.note("no context is kept: 'greenroom context add <name> <mesh or invitation>' makes one")
  else await output.table(COLUMNS, reports)
}

/** Which mesh is meant from now on when none is given. */
export async function useContext(name: string, options: ContextOptions): Promise<void> {
  const contexts = readContexts()
  const mesh = meshOf(contexts, name)
  keepContexts({ ...contexts, current: name })
  await tell({ name, mesh, current: true }, `mesh '${mesh}' is looked at from now on`, options)
}

/** @param target the name of a mesh, an invitation to one, or `-` for either from the standard input */
export async function addContext(name: string, target: string, options: ContextOptions): Promise<void> {
  checkContextName(name)
  const contexts = readContexts()
  const given = (target === '-' ? await readInputLine() : target).trim()
  const mesh = given.startsWith('greenroom:') ? await acceptedMesh(given) : given
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/.test(mesh))
    throw new CommandError(
      'BAD_NAME',
      EXIT.usage,
      `'${mesh.slice(0, 64)}' is neither an invitation, which begins with 'greenroom:', nor the name of a mesh: 1 to 64 letters, digits, '.', '_' or '-'`,
    )
  const current = options.use === true || contexts.meshes.size === 0 ? name : contexts.current
  keepContexts({ current, meshes: new Map([...contexts.meshes, [name, mesh]]) })
  const more = current === name ? ', which is in use' : `: 'greenroom context use ${name}' puts it in use`
  await tell({ name, mesh, current: current === name }, `context '${name}' is mesh '${mesh}'${more}`, options)
}

/** Forgets the name; the membership of its mesh stays until `greenroom leave`. */
export async function removeContext(name: string, options: ContextOptions): Promise<void> {
  const contexts = readContexts()
  const mesh = meshOf(contexts, name)
  const meshes = new Map(contexts.meshes)
  meshes.delete(name)
  keepContexts({ current: contexts.current === name ? undefined : contexts.current, meshes })
  await tell(
    { name, mesh, current: false },
    `context '${name}' is forgotten; this machine is still in mesh '${mesh}' if it was`,
    options,
  )
}

export async function showContextFile(options: ContextOptions): Promise<void> {
  const output = openOutput(options.json === true)
  if (output.json) await output.document({ file: contextsFile() })
  else await output.line(contextsFile())
}

async function acceptedMesh(invitation: string): Promise<string> {
  const { acceptInvitation } = await import('../../index.ts')
  return (await acceptInvitation(await givenInvitation(invitation))).mesh
}

async function tell(report: ContextReport, words: string, options: ContextOptions): Promise<void> {
  const output = openOutput(options.json === true)
  if (output.json) await output.document(report)
  else await output.line(words)
}

function reportsOf({ current, meshes }: Contexts): ContextReport[] {
  return [...meshes].map(([name, mesh]) => ({ name, mesh, current: name === current }))
}

const COLUMNS: readonly Column<ContextReport>[] = [
  { title: '  NAME', cell: ({ current, name }) => `${current ? '*' : ' '} ${name}` },
  { title: 'MESH', cell: ({ mesh }) => mesh },
]
