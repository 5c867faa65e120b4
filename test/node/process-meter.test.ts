import { afterEach, expect, test, vi } from 'vitest'
import {
  BRIEF_METER_LINGER_MS,
  FIRST_METER_WINDOW_MS,
  METER_LINGER_MS,
  METER_WINDOW_MS,
  ProcessMeter,
} from '../../node/process-meter.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'

let meter: ProcessMeter
afterEach(() => {
  vi.useRealTimers()
  meter.close()
})

function compute(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('a process is measured from the first question on, and anew from each question to the next', async () => {
  meter = new ProcessMeter(false)
  const first = meter.read()
  expect(first.eventLoop.delayMs).toBeNull()
  expect(first.cpu.userMs).toBeGreaterThan(0)
  expect(meter.read()).toBe(first)
  await eventually('the loop was seen to stand still', () => {
    compute(200)
    return (meter.read().eventLoop.delayMs?.max ?? 0) > 100
  })
})

test('the second reading tells of the event loop soon after the first one, later ones are further apart', async () => {
  meter = new ProcessMeter(false)
  meter.read()
  await sleep(FIRST_METER_WINDOW_MS + 10)
  const second = meter.read()
  expect(second.eventLoop.delayMs).not.toBeNull()
  compute(FIRST_METER_WINDOW_MS + 10)
  expect(meter.read()).toBe(second)
})

test('a busy process has a share of a processor and no idle loop', () => {
  meter = new ProcessMeter(false)
  meter.read()
  compute(2 * METER_WINDOW_MS)
  const { cpu, eventLoop } = meter.read()
  expect(cpu.share).toBeGreaterThan(0.2)
  expect(eventLoop.utilization).toBeGreaterThan(0.9)
})

test.each([
  ['nobody has asked for a while', METER_LINGER_MS],
  ['nobody has asked for a short while who asks often', BRIEF_METER_LINGER_MS],
])('measuring ends by itself when %s, and begins anew with the next question', async (_who, lingerMs) => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  meter = new ProcessMeter(false)
  meter.read(lingerMs)
  vi.advanceTimersByTime(lingerMs - 1)
  meter.read(lingerMs)
  vi.advanceTimersByTime(lingerMs - 1)
  expect(meter.isMeasuring).toBe(true)
  vi.advanceTimersByTime(1)
  expect(meter.isMeasuring).toBe(false)
  expect(meter.read(lingerMs).eventLoop.delayMs).toBeNull()
})

test('who asks often does not end what was begun for who asks seldom', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  meter = new ProcessMeter(false)
  meter.read()
  meter.read(BRIEF_METER_LINGER_MS)
  vi.advanceTimersByTime(METER_LINGER_MS - 1)
  expect(meter.isMeasuring).toBe(true)
})
