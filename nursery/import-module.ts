import { InvalidArgument } from '../node/errors.ts'
import { exposedNamespace, namespacesAt } from '../rpc/exposed.ts'
import type { BootModule } from './boot-message.ts'

/**
 * Brings a module in, and gives the namespaces of it that are to be served.
 *
 * @throws InvalidArgument when it does not expose what it should; whatever the module throws
 */
export async function importModule({ url, namespace }: BootModule): Promise<readonly string[]> {
  if (namespace !== undefined && exposedNamespace(namespace) !== undefined) return [namespace]
  await import(url)
  const namespaces = namespace === undefined ? namespacesAt(url) : [namespace]
  if (namespaces.length > 0 && namespaces.every((one) => exposedNamespace(one) !== undefined)) return namespaces
  const what = namespace === undefined ? 'anything' : `'${namespace}'`
  throw new InvalidArgument(`it does not expose ${what} when imported here: call expose() at its top level`)
}
