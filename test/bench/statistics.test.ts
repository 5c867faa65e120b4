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

test('the time of a profile is summed by function and by place, without idling and the profiler itself', () => {
  const node = (id: number, functionName: string, url = '') => ({
    id,
    callFrame: { functionName, url, scriptId: '0', lineNumber: 9, columnNumber: 0 },
  })
  const times = selfTimes({
    nodes: [
      node(1, '(idle)'),
      node(2, 'post', 'node:inspector'),
      node(3, 'send', new URL('../../rpc/lane.ts', import.meta.url).href),
      node(4, 'seal', 'file:///somewhere/node_modules/@libp2p/noise/dist/x.js'),
      node(5, 'send', new URL('../../rpc/lane.ts', import.meta.url).href),
      node(6, 'writeBuffer'),
    ],
    startTime: 0,
    endTime: 1_100,
    samples: [1, 2, 3, 4, 5, 6],
    timeDeltas: [100, 1_000, 10, 60, 10, 20],
  })
  expect(times).toEqual({
    idle: 50,
    functions: [
      ['seal  @libp2p/noise/dist/x.js:10', 60],
      ['send  rpc/lane.ts:10', 20],
      ['writeBuffer', 20],
    ],
    places: [
      ['@libp2p/noise', 60],
      ['rpc', 20],
      ['native code', 20],
    ],
  })
})
