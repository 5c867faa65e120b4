import { statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { InvalidArgument } from '../../node/errors.ts'
import { packageAround } from '../../rpc/package-path.ts'
import { checkModuleName } from './module-name.ts'

/**
 * The URL of a module that a spawner has named: `./path` below the directory, else a file of the package around the directory
 * or of one that is installed for it, else what Node resolves the name to from there.
 *
 * @param directory absolute
 * @throws InvalidArgument saying where it was looked for
 */
export function resolveModule(name: string, directory: string): string {
  checkModuleName(name)
  const places = name.startsWith('./') ? [join(directory, name)] : placesOf(name, directory)
  const file = places.find(isFile) ?? (name.startsWith('./') ? undefined : resolvedByNode(name, directory))
  if (file !== undefined) return pathToFileURL(file).href
  throw new InvalidArgument(`module '${name}' is not there: looked for ${places.join(', ')}`)
}

function placesOf(name: string, directory: string): string[] {
  const [, packageName = name, path = ''] = /^((?:@[^/]+\/)?[^/]+)\/(.+)$/.exec(name) ?? []
  const places: string[] = []
  const own = packageAround(directory)
  if (own?.name === packageName) places.push(join(own.folder, path))
  for (let folder = directory; ; folder = dirname(folder)) {
    places.push(join(folder, 'node_modules', packageName, path))
    if (dirname(folder) === folder) return places
  }
}

/** Honours what a package says of itself: `exports`, `main`. */
function resolvedByNode(name: string, directory: string): string | undefined {
  try {
    const file = createRequire(join(directory, 'package.json')).resolve(name)
    return isFile(file) ? file : undefined
  } catch {
    return undefined
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}
