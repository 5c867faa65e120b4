import { expect, test } from 'vitest'
import { Registry } from '../../discovery/core/registry.ts'
import { profiles } from '../../discovery/profile.ts'
import { MAX_BROADCAST_ACTORS, type Part, partsOf, recipientsOf } from '../../discovery/recipients.ts'
import { selectionOf } from '../../discovery/selection.ts'
import { LimitExceeded } from '../../node/errors.ts'
import { MAX_RELAY_TARGETS } from '../../rpc/broadcast.ts'
import { known } from './support/core-harness.ts'

/** A mesh of trees, by how many actors named `hand` are below each root. */
function mesh(hands: Readonly<Record<string, number>>): Registry {
  const registry = new Registry(profiles.loopback)
  for (const [root, count] of Object.entries(hands)) {
    registry.mergeRecord(known(root, { name: 'root' }), 0)
    for (let i = 0; i < count; i++)
      registry.mergeRecord(known(`${root}.${i}`, { name: 'hand', parent: root, root, inc: 2 + i }), 0)
  }
  return registry
}

const messages = (registry: Registry, ownRoot: string): [string, number][] =>
  partsOf(registry, ownRoot, recipientsOf(registry, selectionOf('hand'))).map(({ root, actors }: Part) => [
    root?.peerId ?? actors[0]!.peerId,
    actors.length,
  ])

test('a tree with several actors takes one message to its root, whoever else is called', () => {
  expect(messages(mesh({ a: 8, b: 8, c: 0 }), 'c')).toEqual([
    ['a', 8],
    ['b', 8],
  ])
})

test('the only actor of a tree, and those of the own tree, are called directly', () => {
  expect(messages(mesh({ a: 1, b: 2, c: 2 }), 'b')).toEqual(
    expect.arrayContaining([
      ['a.0', 1],
      ['b.0', 1],
      ['b.1', 1],
      ['c', 2],
    ]),
  )
  expect(messages(mesh({ a: 1, b: 2, c: 2 }), 'b')).toHaveLength(4)
})

test('a tree with more actors than a relay is for takes several messages', () => {
  expect(messages(mesh({ a: 2 * MAX_RELAY_TARGETS + 1 }), 'b')).toEqual([
    ['a', MAX_RELAY_TARGETS],
    ['a', MAX_RELAY_TARGETS],
    ['a', 1],
  ])
})

test('a broadcast to more actors than it may reach is refused', () => {
  const registry = mesh({ a: MAX_BROADCAST_ACTORS })
  expect(recipientsOf(registry, selectionOf('hand'))).toHaveLength(MAX_BROADCAST_ACTORS)
  expect(() => recipientsOf(registry, selectionOf(undefined))).toThrow(LimitExceeded)
  expect(() => recipientsOf(registry, selectionOf(undefined))).toThrow('limit MAX_BROADCAST_ACTORS')
})
