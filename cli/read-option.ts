import { InvalidArgumentError } from 'commander'
import { CommandError } from './command-error.ts'
import { type Condition, readWhere } from './where.ts'

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
/** Milliseconds that an option may ask for: what a timer of Node can wait. */
const MOST_MS = 2 ** 31 - 1

export function readPort(text: string): number {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('give a port from 0, any free one, to 65535')
}

/** A duration in milliseconds. */
export function readDuration(text: string): number {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? []
  const ms = count === undefined ? Number.NaN : Number(count) * UNITS[unit as keyof typeof UNITS]
  if (Number.isSafeInteger(ms)) return ms
  throw new InvalidArgumentError('give a whole number and ms, s, m, h or d, such as 30m')
}

/** A duration that something is waited for. */
export function readTimeout(text: string): number {
  const ms = readDuration(text)
  if (ms >= 1 && ms <= MOST_MS) return ms
  throw new InvalidArgumentError('give a time from 1ms to 24d, such as 500ms or 10s')
}

export function readRelay(text: string): 'offer' | 'use' {
  if (text === 'offer' || text === 'use') return text
  throw new InvalidArgumentError('give offer or use')
}

export function readCount(text: string): number {
  const count = Number(text)
  if (/^\d{1,9}$/.test(text) && count >= 1) return count
  throw new InvalidArgumentError('give a whole number from 1 to 999999999')
}

/** How many lines or events of before an observer may ask for. */
export function readRecent(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count <= 1_000) return count
  throw new InvalidArgumentError('give a whole number from 0 to 1000')
}

/** Conditions add up when the option is given several times. */
export function readConditions(text: string, before: Condition[] = []): Condition[] {
  try {
    return [...before, ...readWhere(text)]
  } catch (error) {
    if (error instanceof CommandError) throw new InvalidArgumentError(error.message)
    throw error
  }
}
