import { inspect } from 'node:util'
import { checkActorName } from '../node/actor-name.ts'
import { InvalidArgument } from '../node/errors.ts'
import type { ExposedModule } from '../rpc/exposed.ts'
import { type ActorInfo, infoOf } from './actor-info.ts'
import type { Registry } from './core/registry.ts'
import { compareAge } from './core/version.ts'
import { checkGroup, checkTags, MAX_GROUPS } from './metadata.ts'
import { type ActorRecord, recordLimits } from './record.ts'

/** What an actor has to be; all that is given has to hold. */
export interface Conditions {
  /** It has all of these, at most 32. */
  readonly tags?: readonly string[]
  /** It is a member of all of these groups, at most 16. */
  readonly groups?: readonly string[]
  /** It serves all of these, as `expose` gave them or by namespace, at most 64. */
  readonly modules?: readonly (ExposedModule | string)[]
  /** Its program's version is this very text. */
  readonly version?: string
  /** The top of its tree: a peer id, or whatever has one, such as a portal. */
  readonly root?: string | { readonly id: string }
  /** Who started it, likewise. */
  readonly parent?: string | { readonly id: string }
}

/**
 * Which actors are meant: conditions, or a function that says so of each. Such a function is called for every actor
 * that is looked at and at every change, so it should be quick and depend on nothing but the actor.
 */
export type Where = Conditions | ((actor: ActorInfo) => boolean)

/** How look-ups and watchers select. */
export interface FindOptions {
  /** Default: all. */
  readonly where?: Where
}

/** Actors by name, conditions or both. */
export interface Selection {
  readonly name: string | undefined
  /** A group that every one of them is in. */
  readonly group: string | undefined
  readonly matches: (record: ActorRecord) => boolean
  /** As in `an actor named 'gretchen'`. */
  readonly words: string
}

const everything: Where = {}

/**
 * Reads what a look-up was given: a name, options, both or nothing.
 *
 * @throws InvalidArgument with the path to what cannot be used
 */
export function selectionOf(nameOrOptions: string | FindOptions | undefined, options?: FindOptions): Selection {
  const byName = typeof nameOrOptions !== 'object' || nameOrOptions === null
  const name = byName ? nameOrOptions : undefined
  if (name !== undefined) checkActorName(name)
  const { where = everything, ...others } = checkOptions(byName ? (options ?? { where: everything }) : nameOrOptions)
  for (const key of Object.keys(others)) throw new InvalidArgument(`'${key}' is no option of a look-up: give 'where'`)
  const words = `an actor${name === undefined ? '' : ` named '${name}'`}`
  if (where === everything) return { name, group: undefined, matches: ofName(name), words }
  if (typeof where === 'function') {
    const matches = (record: ActorRecord): boolean => ofName(name)(record) && where(infoOf(record))
    return { name, group: undefined, matches, words: `${words} that a function chooses` }
  }
  const { tests, group } = read(where)
  const shown = inspect(where, { depth: 1, maxArrayLength: 4, maxStringLength: 32, breakLength: Infinity })
  const matches = (record: ActorRecord): boolean => ofName(name)(record) && tests.every((test) => test(record))
  return { name, group, matches, words: `${words} where ${shown.slice(0, 128)}` }
}

/** Those of a selection that are in a group. @throws InvalidArgument when it is no name of a group */
export function inGroup(selection: Selection, group: string): Selection {
  checkGroup(group)
  const matches = (record: ActorRecord): boolean =>
    record.meta.groups?.includes(group) === true && selection.matches(record)
  return { ...selection, group, matches }
}

/** The actors that are selected and can be called, oldest first. */
export function select(registry: Registry, { name, group, matches }: Selection): ActorRecord[] {
  if (name !== undefined) return registry.find(name).filter(matches)
  if (group !== undefined) return registry.members(group).filter(matches)
  const found: ActorRecord[] = []
  for (const record of registry.actors()) if (record.status === 'up' && matches(record)) found.push(record)
  return found.sort(compareAge)
}

function checkOptions(options: FindOptions): FindOptions {
  if (typeof options === 'object' && options !== null && 'where' in options) return options
  throw new InvalidArgument(`a look-up takes a name, or options with 'where', got ${show(options)}`)
}

function ofName(name: string | undefined): (record: ActorRecord) => boolean {
  return (record) => name === undefined || record.name === name
}

type Test = (record: ActorRecord) => boolean

function read(where: Conditions): { readonly tests: readonly Test[]; readonly group: string | undefined } {
  if (typeof where !== 'object' || where === null || Array.isArray(where))
    throw new InvalidArgument(`where is an object of conditions or a function, got ${show(where)}`)
  const { tags, groups, modules, version, root, parent, ...others } = where
  for (const key of Object.keys(others))
    throw new InvalidArgument(
      `where.${key} is unknown: use tags, groups, modules, version, root or parent, or a function`,
    )
  const tests: Test[] = []
  if (tags !== undefined) tests.push(hasAll(checkTags(tags, 'where.tags'), ({ meta }) => meta.tags))
  let group: string | undefined
  if (groups !== undefined) {
    checkList('where.groups', groups, MAX_GROUPS)
    for (const [index, one] of groups.entries()) group = checkGroup(one, `where.groups[${index}]`)
    tests.push(hasAll(groups, ({ meta }) => meta.groups))
  }
  if (modules !== undefined) {
    checkList('where.modules', modules, recordLimits.modules)
    tests.push(hasAll(modules.map(namespaceOf), (record) => record.modules))
  }
  if (version !== undefined) {
    if (typeof version !== 'string') throw new InvalidArgument(`where.version is a string, got ${show(version)}`)
    tests.push(({ meta }) => meta.version === version)
  }
  if (root !== undefined) {
    const id = idOf('where.root', root)
    tests.push((record) => record.root === id)
  }
  if (parent !== undefined) {
    const id = idOf('where.parent', parent)
    tests.push((record) => record.parent === id)
  }
  return { tests, group }
}

function hasAll(wanted: readonly string[], of: (record: ActorRecord) => readonly string[] | undefined): Test {
  return (record) => {
    const has = of(record) ?? []
    return wanted.every((one) => has.includes(one))
  }
}

function namespaceOf(module: ExposedModule | string, index: number): string {
  const namespace: unknown = typeof module === 'object' && module !== null ? module.namespace : module
  if (typeof namespace === 'string') return namespace
  throw new InvalidArgument(`where.modules[${index}] is what expose() gives, or a namespace, got ${show(module)}`)
}

function idOf(path: string, whose: string | { readonly id: string }): string {
  const id: unknown = typeof whose === 'object' && whose !== null ? whose.id : whose
  if (typeof id === 'string') return id
  throw new InvalidArgument(`${path} is a peer id, or something that has one as 'id', got ${show(whose)}`)
}

function checkList(path: string, list: readonly unknown[], most: number): void {
  if (!Array.isArray(list)) throw new InvalidArgument(`${path} is a list, got ${show(list)}`)
  if (list.length > most) throw new InvalidArgument(`${path} has ${list.length} entries, at most ${most} are allowed`)
}

function show(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 64, breakLength: Infinity }).slice(0, 200)
}
