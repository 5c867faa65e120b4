import { readFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InvalidArgument } from '../node/errors.ts'

/** Where a module is, as any host that has its package can tell. */
export interface PackagePath {
  /** Missing when the package has no name. */
  readonly name: string | undefined
  /** Inside of the package, with slashes. */
  readonly path: string
}

/** @param url of a file @throws InvalidArgument when there is no package around it */
export function packagePath(url: string): PackagePath {
  const file = fileURLToPath(url)
  const found = packageAround(dirname(file))
  if (found === undefined) throw new InvalidArgument(`no package.json above ${dirname(file)}`)
  return { name: found.name, path: relative(found.folder, file).split(sep).join('/') }
}

/** The nearest package at or above a folder. */
export function packageAround(
  from: string,
): { readonly folder: string; readonly name: string | undefined } | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const text = readText(join(folder, 'package.json'))
    if (text !== undefined) return { folder, name: (JSON.parse(text) as { name?: string }).name }
    if (dirname(folder) === folder) return undefined
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
