import { inspect } from 'node:util'
import { isRoot } from '../../discovery/record.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import type { Registry } from '../../discovery/core/registry.ts'
import { type FindOptions, selectionOf, type Where } from '../../discovery/selection.ts'
import { InvalidArgument, showActor } from '../../node/errors.ts'

/** The group of the roots that start actors for others. */
export const HOSTS_GROUP = 'greenroom:hosts'
/** Entries of a list of hosts. */
export const MAX_HOST_CHOICES = 64
/** Hosts that an error names. */
const MAX_SHOWN_HOSTS = 8

/** A host peer by name, by peer id (as in a portal to it), or by what has to hold for it. */
export type HostChoice = string | { readonly id: string } | { readonly where: Where; readonly name?: string }

/** Which host peers an actor may be placed on. */
export interface HostSelection {
  readonly matches: (record: ActorRecord) => boolean
  /** As in `a host named 'alpha'`. */
  readonly words: string
}

/** @throws InvalidArgument with the path to what cannot be used */
export function hostSelection(on: HostChoice | readonly HostChoice[]): HostSelection {
  if (!Array.isArray(on)) return selectionFrom(on as HostChoice, 'on')
  const list: readonly HostChoice[] = on
  if (list.length === 0 || list.length > MAX_HOST_CHOICES)
    throw new InvalidArgument(`on is a list of 1 to ${MAX_HOST_CHOICES} hosts, got ${list.length}`)
  const selections = list.map((choice, index) => selectionFrom(choice, `on[${index}]`))
  return {
    matches: (record) => selections.some(({ matches }) => matches(record)),
    words: selections.map(({ words }) => words).join(' or '),
  }
}

function selectionFrom(choice: HostChoice, path: string): HostSelection {
  if (typeof choice === 'string') return ofLookUp(choice, undefined)
  const given: Partial<Record<'id' | 'where' | 'name', unknown>> = choice
  if (typeof given === 'object' && given !== null) {
    if (given.where !== undefined) return ofLookUp(given.name as string | undefined, { where: given.where as Where })
    const { id } = given
    if (typeof id === 'string')
      return { matches: ({ peerId }) => peerId === id, words: `a host with the peer id …${id.slice(-8)}` }
  }
  throw new InvalidArgument(
    `${path} is the name of a host peer, { id }, { where } or a list of those, got ${inspect(choice, { depth: 0 })}`,
  )
}

function ofLookUp(name: string | undefined, options: FindOptions | undefined): HostSelection {
  const { matches, words } = name === undefined ? selectionOf(options!) : selectionOf(name, options)
  return { matches, words: words.replace(/^an actor/, 'a host') }
}

/**
 * The hosts that an actor may be placed on, the best one first: those with the fewest actors below them, then by peer id; one
 * that was lost a moment ago comes last.
 *
 * @param actorsOn how many actors a host has, as far as is known here
 */
export function rankHosts(
  registry: Registry,
  { matches }: HostSelection,
  actorsOn: (host: string) => number,
  avoid: string | undefined,
): ActorRecord[] {
  const rank = ({ peerId }: ActorRecord): number => (peerId === avoid ? Number.POSITIVE_INFINITY : actorsOn(peerId))
  return hosts(registry)
    .filter(matches)
    .map((record) => ({ record, rank: rank(record) }))
    .toSorted((a, b) => (a.rank === b.rank ? (a.record.peerId < b.record.peerId ? -1 : 1) : a.rank - b.rank))
    .map(({ record }) => record)
}

/** Why there is no host, in words: what was asked for, and who is there. */
export function noHost(registry: Registry, { words }: HostSelection): string {
  const there = hosts(registry)
  const shown = there.slice(0, MAX_SHOWN_HOSTS).map(showHost)
  const more = there.length > shown.length ? ` and ${there.length - shown.length} more` : ''
  const roots = `${registry.rootCount} root${registry.rootCount === 1 ? ' is' : 's are'} known`
  return there.length === 0
    ? `there is no ${words.slice(2)}: ${roots}, and none starts actors for others (allowSpawn)`
    : `there is no ${words.slice(2)} among those that start actors for others: ${shown.join(', ')}${more}`
}

function hosts(registry: Registry): ActorRecord[] {
  return registry.members(HOSTS_GROUP).filter(isRoot)
}

function showHost({ name, peerId, meta: { tags = [], version } }: ActorRecord): string {
  const said = [...tags, ...(version === undefined ? [] : [`version ${version}`])].join(' ')
  return `${showActor({ name, id: peerId })}${said === '' ? '' : ` [${said.slice(0, 200)}]`}`
}
