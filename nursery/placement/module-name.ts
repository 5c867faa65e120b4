import { inspect } from 'node:util'
import { InvalidArgument } from '../../node/errors.ts'
import type { ExposedModule } from '../../rpc/exposed.ts'
import { packagePath } from '../../rpc/package-path.ts'
import { MAX_MODULE_NAME, MAX_PLACED_MODULES, type ModuleName } from './spawn-protocol.ts'

/**
 * What a module is called on other hosts: its package and its path in it, since it lies elsewhere there. One of a package
 * without a name is called by its path below the host's directory.
 *
 * @throws InvalidArgument when it is in no package, or has too long a name
 */
export function moduleName(module: ExposedModule | string): ModuleName {
  if (typeof module === 'string') return { name: checkModuleName(module), namespace: undefined }
  const { url, namespace } = module
  if (!url.startsWith('file:'))
    throw new InvalidArgument(`module '${namespace}' is no file (${url}): other hosts find modules by package and path`)
  const { name, path } = packagePath(url)
  return { name: checkModuleName(`${name ?? '.'}/${path}`), namespace }
}

/** @throws InvalidArgument when it names nothing inside of a package or directory */
export function checkModuleName(name: unknown): string {
  const isName = typeof name === 'string' && name !== '' && name.length <= MAX_MODULE_NAME
  if (!isName || /^[/\\]|:|\\|\0/.test(name) || /(^|\/)\.\.(\/|$)/.test(name))
    throw new InvalidArgument(
      `a module on another host is named by package and path, as in 'some-package/worker.js', or as './worker.js' below the host's directory, in at most ${MAX_MODULE_NAME} characters; got ${inspect(name, { maxStringLength: 64 })}`,
    )
  return name
}

/** @throws InvalidArgument when there are too many, or one cannot be named */
export function moduleNames(modules: readonly (ExposedModule | string)[]): ModuleName[] {
  if (modules.length > MAX_PLACED_MODULES)
    throw new InvalidArgument(
      `an actor on another host is given ${MAX_PLACED_MODULES} modules at most, got ${modules.length}`,
    )
  return modules.map(moduleName)
}
