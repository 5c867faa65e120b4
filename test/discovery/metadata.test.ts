import { describe, expect, test } from 'vitest'
import { checkMetadata, type Metadata, type MetadataOptions } from '../../discovery/metadata.ts'
import { OwnMetadata } from '../../discovery/own-metadata.ts'
import { InvalidArgument, LimitExceeded } from '../../node/errors.ts'

describe('what an actor says of itself', () => {
  test('is put in order, each word once, and what was left out stays so', () => {
    expect(checkMetadata({ tags: ['b', 'a', 'b'], groups: ['y', 'x'], version: '1.2' })).toEqual({
      tags: ['a', 'b'],
      groups: ['x', 'y'],
      version: '1.2',
    })
    expect(checkMetadata({})).toEqual({})
  })

  const bad: [string, unknown, string][] = [
    ['tags that are no list', { tags: 'gpu' }, "tags is a list of strings, got 'gpu'"],
    ['a tag that is no string', { tags: ['gpu', 42] }, 'tags[1] is a string of 1 to 128 bytes, got 42'],
    ['an empty tag', { tags: [''] }, "tags[0] is a string of 1 to 128 bytes, got ''"],
    ['a hole', { tags: Array(1) }, 'tags[0] is a string of 1 to 128 bytes, got undefined'],
    ['a long tag', { tags: ['é'.repeat(65)] }, 'tags[0] is a string of 1 to 128 bytes'],
    ['half a character', { tags: ['\uD800'] }, 'tags[0] is a string of 1 to 128 bytes'],
    ['too many tags', { tags: Array(33).fill('t') }, 'tags has 33 entries, at most 32 are allowed'],
    ['a long group', { groups: ['g'.repeat(129)] }, 'groups[0] is a string of 1 to 128 bytes'],
    ['too many groups', { groups: Array(17).fill('g') }, 'groups has 17 entries, at most 16 are allowed'],
    ['a version that is a number', { version: 2 }, 'version is a string of 1 to 64 bytes, got 2'],
    ['a long version', { version: 'v'.repeat(65) }, 'version is a string of 1 to 64 bytes'],
  ]
  test.each(bad)('%s is refused with its path', (_, options, message) => {
    expect(() => checkMetadata(options as MetadataOptions)).toThrow(InvalidArgument)
    expect(() => checkMetadata(options as MetadataOptions)).toThrow(message)
  })
})

/** What an actor says, and each new version of it that was to be signed. */
function linked(initial: Metadata = {}, check: (next: Metadata) => void = () => {}) {
  const own = new OwnMetadata(initial)
  const signed: Metadata[] = []
  own.link(check, () => signed.push(own.value))
  return { own, signed }
}

describe('while the actor runs', () => {
  test('tags that change are signed anew, those that stay are not', () => {
    const { own, signed } = linked({ tags: ['a'], version: '1' })
    own.setTags(['a'])
    own.setTags(['c', 'b'])
    own.setTags(['b', 'c', 'b'])
    expect(signed).toEqual([{ tags: ['b', 'c'], version: '1' }])
  })

  test('bad tags, and those that do not fit, change nothing', () => {
    const { own, signed } = linked({ tags: ['a'] }, () => {
      throw new Error('too large')
    })
    expect(() => own.setTags([7] as never)).toThrow('tags[0] is a string')
    expect(() => own.setTags(['b'])).toThrow('do not fit into its record')
    expect(() => own.join('g')).toThrow('do not fit into its record')
    expect(own.value).toEqual({ tags: ['a'] })
    expect(signed).toEqual([])
  })

  test('it is in a group as long as one membership lasts', () => {
    const { own, signed } = linked()
    const first = own.join('x')
    const second = own.join('x')
    first()
    first()
    expect(own.value.groups).toEqual(['x'])
    second()
    expect(own.value.groups).toEqual([])
    expect(signed).toHaveLength(2)
  })

  test('it stays in the groups that it was started in', () => {
    const { own } = linked({ groups: ['x'] })
    own.join('x')()
    expect(own.value.groups).toEqual(['x'])
  })

  test('it is in 16 groups at most, and another one when it has left one', () => {
    const { own } = linked({ groups: Array.from({ length: 15 }, (_, i) => `g${i}`) })
    const leave = own.join('last')
    expect(() => own.join('more')).toThrow(LimitExceeded)
    expect(own.join('last')).toBeTypeOf('function')
    leave()
    expect(() => own.join('more')).toThrow('limit MAX_GROUPS')
    expect(() => own.join('')).toThrow(InvalidArgument)
    expect(own.value.groups).toHaveLength(16)
  })
})
