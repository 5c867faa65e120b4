import { describe, expect, test } from 'vitest'
import { drawActors, type ActorReport } from '../../cli/commands/actors.ts'
import { showValue } from '../../cli/commands/call.ts'
import { summarize } from '../../cli/commands/ping.ts'
import { findEach, findOne } from '../../cli/find-one.ts'
import { drawTable } from '../../cli/table.ts'
import { fit, showBytes, showMs, visible, widthOf } from '../../cli/text.ts'
import { toJson } from '../../cli/value.ts'
import { readWhere } from '../../cli/where.ts'

describe('what others said', () => {
  test('gives no orders to a terminal', () => {
    expect(visible('a\u001b[2Jb\r\nc\u202Ed')).toBe('a\\x1b[2Jb\\x0d\\x0ac\\x202ed')
    expect(showValue('one\ntwo\u0007', false)).toBe('one\ntwo\\x07')
    expect(showValue('one\ntwo', true)).toBe('one\\x0atwo')
    expect(showValue({ a: '\u001b[2J' }, true)).not.toContain('\u001b[2J')
  })
})

describe('a table', () => {
  const columns = [
    { title: 'NAME', cell: ({ name }: { name: string; n: number }) => name },
    { title: 'NOTHING', cell: () => '' },
    { title: 'N', cell: ({ n }: { name: string; n: number }) => String(n), right: true },
  ]

  test('has columns as wide as their widest cell, numbers to the right, and no column in which nothing is said', () => {
    expect(
      drawTable(columns, [
        { name: 'a', n: 1 },
        { name: 'long name', n: 100 },
      ]),
    ).toEqual(['NAME         N', 'a            1', 'long name  100'])
  })

  test('counts the columns of a terminal, not letters, and fits into its width', () => {
    expect(widthOf('舞台e\u0301')).toBe(5)
    expect(
      drawTable(columns, [
        { name: '舞台', n: 1 },
        { name: 'abcd', n: 2 },
      ]).slice(1),
    ).toEqual(['舞台  1', 'abcd  2'])
    expect(drawTable(columns, [{ name: 'x'.repeat(30), n: 1 }], 10)[1]).toBe(`${'x'.repeat(9)}…`)
    expect(fit('舞台舞台', 5)).toBe('舞台…')
    expect(fit('abc', 0)).toBe('')
  })
})

test('times and sizes are shown in the unit that suits them', () => {
  expect([0.0123, 4.2, 250, 1_500, 61_000, 3_725_000, 90_000_000].map(showMs)).toEqual([
    '12 µs',
    '4.2 ms',
    '250 ms',
    '1.5 s',
    '1 min 1 s',
    '1 h 2 min',
    '1 d 1 h',
  ])
  expect([0, 999, 1_024, 150_000, 5 * 1_024 ** 3].map(showBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 KiB',
    '146 KiB',
    '5.0 GiB',
  ])
})

describe('an actor', () => {
  const actors = [
    { name: 'anna', id: '12D3KooWAAAA1111' },
    { name: 'anna', id: '12D3KooWAAAA2222' },
    { name: 'bert', id: '12D3KooWBBBB1111' },
  ]

  test('is meant by its name, its id, or the end of its id', () => {
    expect(findOne(actors, 'bert')).toBe(actors[2])
    expect(findOne(actors, '12D3KooWAAAA2222')).toBe(actors[1])
    expect(findOne(actors, '2222')).toBe(actors[1])
    expect(findEach(actors, ['bert', '2222', 'bert'])).toEqual([actors[2], actors[1]])
  })

  test('that several could be is not guessed', () => {
    expect(() => findOne(actors, 'anna')).toThrow(
      /2 actors are meant by 'anna'.*\n {2}anna {2}12D3KooWAAAA1111\n {2}anna {2}12D3KooWAAAA2222$/,
    )
    expect(() => findOne(actors, '1111')).toThrow('2 actors are meant')
    expect(() => findOne(actors, '111')).toThrow("no actor is called '111'")
    expect(() => findOne(actors, 'ber')).toThrow('did you mean bert (BBBB1111)?')
  })
})

test('actors are drawn below their parents, and at the top when those are not shown', () => {
  const actor = (name: string, parent: string | null = null): ActorReport => ({
    name,
    id: `id-of-${name}`,
    status: name === 'c' ? 'suspect' : 'up',
    arbiter: name === 'd',
    parent: parent && `id-of-${parent}`,
    root: { name: 'a', id: 'id-of-a' },
    modules: [],
    version: null,
    tags: [],
    groups: [],
    startedAt: 0,
    addresses: [],
  })
  const lines = drawActors([actor('a'), actor('b', 'a'), actor('c', 'b'), actor('d', 'gone')])
  expect(lines).toEqual(['  a (id-of-a)', '    b (id-of-b)', '      c (id-of-c)  suspect', '* d (id-of-d)'])
})

test('conditions name known fields', () => {
  expect(readWhere('tag=zone=eu,name=a*')).toEqual([
    ['tag', 'zone=eu'],
    ['name', 'a*'],
  ])
  for (const wrong of ['', 'tag', 'tag=', '=x', 'colour=red', 'tag=a,'])
    expect(() => readWhere(wrong)).toThrow('is no condition')
})

test('round trips are summed up by the least, the middle and the most', () => {
  const who = { name: 'a', id: 'b' }
  expect(summarize(who, 4, [3, 1, 2], 'late')).toEqual({
    ...who,
    sent: 4,
    answered: 3,
    minMs: 1,
    medianMs: 2,
    maxMs: 3,
    silent: 'late',
  })
  expect(summarize(who, 1, [], 'late')).toMatchObject({ answered: 0, minMs: null, medianMs: null, maxMs: null })
})

test('JSON has words for every value, and refuses one that contains itself', () => {
  const error = Object.assign(new RangeError('far', { cause: 1n }), { code: 'E' })
  expect(toJson([error, undefined, Number.NaN, new Uint16Array([258]), /x/u])).toEqual([
    { name: 'RangeError', message: 'far', code: 'E', cause: '1' },
    null,
    'NaN',
    'AgE=',
    '/x/u',
  ])
  const ring: Record<string, unknown> = {}
  ring['self'] = ring
  expect(() => toJson(ring)).toThrow('contains itself')
})
