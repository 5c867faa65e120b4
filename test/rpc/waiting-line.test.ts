import { expect, test } from 'vitest'
import { WaitingLine } from '../../rpc/waiting-line.ts'

const members = Array.from({ length: 5 }, (_, i) => ({ i }))

test('who came first leaves first; who gives up is passed over', () => {
  const line = new WaitingLine<object>()
  for (const member of members) line.push(member)
  expect(line.shift()).toBe(members[0])
  line.leave(members[1]!)
  line.leave(members[3]!)
  expect(line.size).toBe(2)
  expect([line.shift(), line.shift(), line.shift()]).toEqual([members[2], members[4], undefined])
})

test('an emptied line goes on with whoever comes next', () => {
  const line = new WaitingLine<object>()
  line.push(members[0]!)
  line.leave(members[0]!)
  expect(line.shift()).toBeUndefined()
  line.push(members[1]!)
  line.push(members[2]!)
  expect(line.clear()).toEqual([members[1], members[2]])
  line.push(members[3]!)
  expect(line.shift()).toBe(members[3])
})

test('a long line is taken apart in no more time than it took to build', () => {
  const line = new WaitingLine<object>()
  const many = Array.from({ length: 65_536 }, (_, i) => ({ i }))
  for (const member of many) line.push(member)
  expect(many.every((member) => line.shift() === member)).toBe(true)
})
