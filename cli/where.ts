import type { MemberSnapshot } from '../index.ts'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'

const FIELDS = ['tag', 'group', 'module', 'version', 'name', 'root', 'status'] as const
type Field = (typeof FIELDS)[number]

/** What `--where` asks of an actor; all of its conditions have to hold. */
export type Condition = readonly [field: Field, value: string]

/**
 * Conditions as in `tag=zone=eu,version=1.2.0`, separated by commas; in a name `*` stands for any letters.
 *
 * @throws CommandError `BAD_WHERE` that lists the fields
 */
export function readWhere(text: string): Condition[] {
  return text.split(',').map((part) => {
    const at = part.indexOf('=')
    const field = FIELDS.find((known) => known === part.slice(0, at).trim())
    if (field !== undefined && at + 1 < part.length) return [field, part.slice(at + 1)]
    throw new CommandError(
      'BAD_WHERE',
      EXIT.usage,
      `'${part.slice(0, 80)}' is no condition: give <field>=<value> with one of the fields ${FIELDS.join(', ')}, as in tag=gpu,version=1.2.0`,
    )
  })
}

/** @param rootName of the root of the actor's tree */
export function holds(conditions: readonly Condition[], actor: MemberSnapshot, rootName: string): boolean {
  return conditions.every(([field, value]) => {
    switch (field) {
      case 'tag':
        return actor.tags.includes(value)
      case 'group':
        return actor.groups.includes(value)
      case 'module':
        return actor.modules.includes(value)
      case 'version':
        return actor.version === value
      case 'status':
        return actor.status === value
      case 'name':
        return matches(value, actor.name)
      case 'root':
        return matches(value, rootName) || (value.length >= 4 && actor.root.endsWith(value))
    }
    return false
  })
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`, 'su').test(name)
}
