import { inspect } from 'node:util'
import { checkActorName } from '../node/actor-name.ts'
import { InvalidArgument } from '../node/errors.ts'
import { MAX_ELECTORS } from './core/quorum.ts'

/** Who elects the arbiter of a mesh. */
export interface ArbiterOptions {
  /**
   * The electors: the names of at most 15 roots, or how many there are, 1 to 15; a majority of them has to agree. With a
   * number, the electors are the roots that meet first: no more than that many may be started before they have met.
   * All roots of a mesh declare the same. Default `GREENROOM_QUORUM`, a number or names separated by commas, in a named
   * mesh, else elastic: the five oldest roots that are alive.
   */
  readonly quorum?: readonly string[] | number
  /**
   * Directory in which an elector keeps its votes over its processes: on a disk of its own that survives restarts.
   * Default `$XDG_STATE_HOME`, else `~/.local/state`.
   */
  readonly stateDir?: string
}

/** @throws InvalidArgument naming what cannot be used */
export function checkArbiterOptions(
  options: ArbiterOptions,
  mesh: string | undefined,
): readonly string[] | number | undefined {
  if (typeof options !== 'object' || options === null)
    throw new InvalidArgument(`arbiter is an object such as { quorum: 3 }, got ${shown(options)}`)
  const { stateDir } = options
  // what is set for all programs of a machine is not meant for a private mesh
  const general = mesh === undefined ? undefined : fromEnvironment(process.env['GREENROOM_QUORUM'])
  const { quorum = general } = options
  if (stateDir !== undefined && (typeof stateDir !== 'string' || stateDir === ''))
    throw new InvalidArgument(`arbiter.stateDir is the path of a directory, got ${shown(stateDir)}`)
  if (quorum === undefined) return undefined
  checkQuorum(quorum)
  if (mesh === undefined)
    throw new InvalidArgument(
      "electors meet in a named mesh: give run() or joinMesh() a 'mesh' as well as arbiter.quorum",
    )
  return quorum
}

function checkQuorum(quorum: readonly string[] | number): void {
  if (typeof quorum === 'number') {
    if (Number.isInteger(quorum) && quorum >= 1 && quorum <= MAX_ELECTORS) return
    throw new InvalidArgument(`arbiter.quorum is a whole number from 1 to ${MAX_ELECTORS}, or names, got ${quorum}`)
  }
  if (!Array.isArray(quorum) || quorum.length === 0 || quorum.length > MAX_ELECTORS)
    throw new InvalidArgument(
      `arbiter.quorum is a list of 1 to ${MAX_ELECTORS} names, or a number, got ${shown(quorum)}`,
    )
  for (const name of quorum as string[]) checkActorName(name)
  const twice = (quorum as string[]).find((name, index) => quorum.indexOf(name) !== index)
  if (twice !== undefined) throw new InvalidArgument(`arbiter.quorum names '${twice}' twice`)
}

function fromEnvironment(text: string | undefined): readonly string[] | number | undefined {
  if (text === undefined || text.trim() === '') return undefined
  if (/^\d+$/.test(text.trim())) return Number(text)
  return text.split(',').map((name) => name.trim())
}

function shown(value: unknown): string {
  return inspect(value, { depth: 0 }).slice(0, 200)
}
