import { describe, expect, test } from 'vitest'
import { Registry } from '../../discovery/core/registry.ts'
import { profiles } from '../../discovery/profile.ts'
import type { ActorRecord } from '../../discovery/record.ts'
import { type FindOptions, select, selectionOf, type Where } from '../../discovery/selection.ts'
import { InvalidArgument } from '../../node/errors.ts'
import { known } from './support/core-harness.ts'

function registryOf(...actors: [peerId: string, fields: Partial<ActorRecord>][]): Registry {
  const registry = new Registry(profiles.loopback)
  for (const [peerId, fields] of actors) registry.mergeRecord(known(peerId, fields), 0)
  return registry
}

const registry = registryOf(
  ['root', { name: 'root', inc: 1, meta: { version: '1.0' } }],
  ['b', { name: 'twin', inc: 5, parent: 'root', meta: { tags: ['gpu', 'zone=eu'], groups: ['all', 'odd'] } }],
  ['a', { name: 'twin', inc: 5, parent: 'root', modules: ['film'], meta: { tags: ['zone=us'], groups: ['all'] } }],
  ['c', { name: 'twin', inc: 3, parent: 'root', modules: ['film', 'opera'], meta: { tags: ['gpu'], version: '2.0' } }],
  ['leaving', { name: 'twin', inc: 2, parent: 'root', status: 'leaving', meta: { groups: ['all'] } }],
  ['other', { name: 'other', inc: 4, meta: { tags: ['gpu'], groups: ['all', 'odd'] } }],
)

const found = (nameOrOptions?: string | FindOptions, options?: FindOptions): string[] =>
  select(registry, selectionOf(nameOrOptions, options)).map(({ peerId }) => peerId)

describe('a look-up gives', () => {
  test('all actors that can be called, the oldest first, without anything to select by', () => {
    expect(found()).toEqual(['root', 'c', 'other', 'a', 'b'])
  })

  test('those of a name, the oldest first, the lower id of two that are as old', () => {
    expect(found('twin')).toEqual(['c', 'a', 'b'])
  })

  test('nobody for a name that is an id', () => expect(found('root')).toEqual(['root']))

  const selections: [string, Where, string[]][] = [
    ['no condition', {}, ['root', 'c', 'other', 'a', 'b']],
    ['a tag', { tags: ['gpu'] }, ['c', 'other', 'b']],
    ['all of several tags', { tags: ['zone=eu', 'gpu'] }, ['b']],
    ['a part of a tag', { tags: ['zone'] }, []],
    ['a group', { groups: ['all'] }, ['other', 'a', 'b']],
    ['all of several groups', { groups: ['odd', 'all'] }, ['other', 'b']],
    ['a namespace', { modules: ['film'] }, ['c', 'a']],
    ['modules', { modules: [{ namespace: 'film', url: 'x' }, 'opera'] }, ['c']],
    ['a version', { version: '2.0' }, ['c']],
    ['a root by id', { root: 'other' }, ['other']],
    ['a parent by what has its id', { parent: { id: 'root' } }, ['c', 'a', 'b']],
    ['conditions together', { tags: ['gpu'], root: 'root' }, ['c', 'b']],
    ['a function', (actor) => actor.version !== undefined, ['root', 'c']],
  ]
  test.each(selections)('those that are selected by %s', (_, where, ids) => {
    expect(found({ where })).toEqual(ids)
    expect(found('twin', { where })).toEqual(ids.filter((id) => ['a', 'b', 'c'].includes(id)))
  })
})

describe('what cannot be used is refused with its path', () => {
  const bad: [string, unknown, string][] = [
    ['options without a condition', {}, "a look-up takes a name, or options with 'where', got {}"],
    ['another option', { where: {}, limit: 3 }, "'limit' is no option of a look-up"],
    ['where', { where: 7 }, 'where is an object of conditions or a function, got 7'],
    ['a list', { where: ['gpu'] }, 'where is an object of conditions or a function'],
    ['an unknown condition', { where: { tag: ['gpu'] } }, 'where.tag is unknown: use tags'],
    ['tags', { where: { tags: 'gpu' } }, "where.tags is a list of strings, got 'gpu'"],
    ['a tag', { where: { tags: ['gpu', 7] } }, 'where.tags[1] is a string of 1 to 128 bytes, got 7'],
    ['too many tags', { where: { tags: Array(33).fill('t') } }, 'where.tags has 33 entries, at most 32'],
    ['a group', { where: { groups: [''] } }, "where.groups[0] is a string of 1 to 128 bytes, got ''"],
    ['too many groups', { where: { groups: Array(17).fill('g') } }, 'where.groups has 17 entries, at most 16'],
    ['a module', { where: { modules: [{}] } }, 'where.modules[0] is what expose() gives'],
    ['too many modules', { where: { modules: Array(65).fill('m') } }, 'where.modules has 65 entries, at most 64'],
    ['a version', { where: { version: 2 } }, 'where.version is a string, got 2'],
    ['a root', { where: { root: {} } }, 'where.root is a peer id'],
    ['a parent', { where: { parent: 7 } }, 'where.parent is a peer id'],
  ]
  test.each(bad)('%s', (_, given, message) => {
    expect(() => selectionOf(given as FindOptions)).toThrow(InvalidArgument)
    expect(() => selectionOf(given as FindOptions)).toThrow(message)
    expect(() => selectionOf('twin', given as FindOptions)).toThrow(message)
  })
})

test('nothing is no name', () => {
  expect(() => selectionOf(null as never)).toThrow("an actor's name is a string of 1 to 256 bytes, got null")
})

test('the words for a selection stay short', () => {
  const { words } = selectionOf('twin', { where: { tags: Array.from({ length: 32 }, (_, i) => `${i}`.repeat(60)) } })
  expect(words).toMatch(/^an actor named 'twin' where \{ tags:/)
  expect(words.length).toBeLessThan(200)
})

test('a group is looked up without a look at all actors, and follows what its members say', () => {
  const changing = registryOf(['a', { meta: { groups: ['x'] } }], ['b', { meta: { groups: ['x', 'y'] } }])
  const members = (group: string): string[] => changing.members(group).map(({ peerId }) => peerId)
  expect([members('x'), members('y'), members('z')]).toEqual([['a', 'b'], ['b'], []])
  changing.mergeRecord(known('b', { seq: 1, meta: { groups: ['z'] } }), 0)
  expect([members('x'), members('y'), members('z')]).toEqual([['a'], [], ['b']])
  changing.mergeEnd({ peerId: 'a', inc: 1, rev: 0, state: 'dead', by: 'b', age: 0 }, 0)
  expect(members('x')).toEqual([])
})
