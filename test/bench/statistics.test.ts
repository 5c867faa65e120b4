import { expect, test } from 'vitest'
import { Meter } from '../../bench/meter.ts'
import { selfTimes } from '../../bench/profile.ts'
import { percentile, summarise } from '../../bench/statistics.ts'

test('a percentile is the nearest rank of the sorted values', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect([1, 50, 99, 100].map((percent) => percentile(values, percent))).toEqual([1, 50, 99, 100])
  expect(percentile([7], 99)).toBe(7)
})

test('a summary has the median, the extremes and half the distance between the quartiles', () => {
  expect(summarise([5, 1, 4, 2, 3])).toEqual({ median: 3, min: 1, max: 5, spread: 1 })
})

test('a meter counts from the first item until its window is over', () => {
  const meter = new Meter(5, 1)
  let items = 1
  while (meter.take()) items += 1
  expect(items).toBeGreaterThan(1)
  expect(meter.rate).toBeGreaterThan(0)
  expect(meter.rate).toBeLessThanOrEqual((items - 1) / 0.005)
})

test('the time of a profile is summed by function, most first', () => {
  const frame = (functionName: string) => ({ functionName, url: '', scriptId: '0', lineNumber: 0, columnNumber: 0 })
  const times = selfTimes({
    nodes: [
      { id: 1, callFrame: frame('a') },
      { id: 2, callFrame: frame('b') },
      { id: 3, callFrame: frame('a') },
    ],
    startTime: 0,
    endTime: 100,
    samples: [1, 2, 3],
    timeDeltas: [10, 70, 20],
  })
  expect(times).toEqual([
    { name: 'b', percent: 70 },
    { name: 'a', percent: 30 },
  ])
})
