import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { inspect } from 'node:util'
import { InvalidArgument } from '../../node/errors.ts'

/** Actors that one host peer runs for others, and for each of them, unless told otherwise. */
export const MAX_PLACED_ACTORS = 64
export const MAX_PLACED_ACTORS_PER_PEER = 32
/** The most that either may be set to. */
export const PLACED_ACTORS_BOUND = 4_096

/** What a host peer starts for others. */
export interface HostingOptions {
  /**
   * Where modules are looked for: paths below it, the package around it, and the packages that are installed for it; default
   * the working directory.
   */
  readonly directory?: string
  /** Actors at a time, 1 to 4,096; default 64. */
  readonly maxActors?: number
  /** Actors at a time for each actor that asks, 1 to 4,096; default 32. */
  readonly maxActorsPerPeer?: number
}

/** @throws InvalidArgument naming the option that cannot be used */
export function hostingSettings(options: boolean | HostingOptions | undefined): Required<HostingOptions> | undefined {
  if (options === undefined || options === false) return undefined
  if (options !== true && (typeof options !== 'object' || options === null))
    throw new InvalidArgument(`allowSpawn is true, false or an object of options, got ${inspect(options)}`)
  const {
    directory = '.',
    maxActors = MAX_PLACED_ACTORS,
    maxActorsPerPeer = Math.min(maxActors, MAX_PLACED_ACTORS_PER_PEER),
    ...others
  } = options === true ? {} : options
  for (const key of Object.keys(others))
    throw new InvalidArgument(`allowSpawn.${key} is unknown: use directory, maxActors or maxActorsPerPeer`)
  if (typeof directory !== 'string' || statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new InvalidArgument(`allowSpawn.directory is no directory: ${inspect(directory)}`)
  return {
    directory: resolve(directory),
    maxActors: checkCount('maxActors', maxActors),
    maxActorsPerPeer: checkCount('maxActorsPerPeer', maxActorsPerPeer),
  }
}

function checkCount(option: string, count: number): number {
  if (Number.isInteger(count) && count >= 1 && count <= PLACED_ACTORS_BOUND) return count
  throw new InvalidArgument(`allowSpawn.${option} is 1 to ${PLACED_ACTORS_BOUND}, got ${inspect(count)}`)
}
