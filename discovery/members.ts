import type { ActorRecord } from './record.ts'
import { type FindOptions, selectionOf } from './selection.ts'
import type { MemberSnapshot } from './snapshot.ts'

/** Those that are selected. @throws InvalidArgument with the path to what cannot be used */
export function selectMembers(members: readonly MemberSnapshot[], options: FindOptions): MemberSnapshot[] {
  if (options.where === undefined) return [...members]
  const { matches } = selectionOf(options)
  return members.filter((member) => matches(recordOf(member)))
}

function recordOf(member: MemberSnapshot): ActorRecord {
  const { name, id, parent, root, incarnation, refutations, changes, addresses, modules, tags, groups, version } =
    member
  return {
    mesh: '',
    peerId: id,
    name,
    ...(parent === null ? {} : { parent }),
    root,
    inc: incarnation,
    rev: refutations,
    seq: changes,
    addrs: addresses,
    status: member.status === 'leaving' ? 'leaving' : 'up',
    modules,
    meta: { tags, groups, ...(version === null ? {} : { version }) },
  }
}
