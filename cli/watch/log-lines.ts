import type { LogLevel } from '../../index.ts'
import { LEVELS } from '../levels.ts'
import { showTime, visible } from '../text.ts'
import { cutLine, type Line, span, type Tone } from './line.ts'
import type { ShownLine } from './seen.ts'

const TONES: Readonly<Record<string, Tone>> = { error: 'bad', warn: 'warn', info: 'good' }

/** The lines of a log from a level on, as many as there are lines of text in it. */
export function logLines(
  log: readonly ShownLine[],
  level: LogLevel,
  now: number,
  columns: number,
  writesFrom?: LogLevel,
): Line[] {
  const from = LEVELS.indexOf(level)
  const lines = log.flatMap((line): Line[] => {
    const time = span(`${showTime(line.at, now)} `, 'dim')
    if ('missing' in line) return [[time, span(visible(line.missing), 'warn')]]
    if (LEVELS.indexOf(line.level) < from) return []
    const [first = '', ...rest] = line.text.split('\n').map(visible)
    const word = span(`${line.level.toUpperCase().padEnd(5)} `, TONES[line.level] ?? 'dim')
    return [[time, word, span(`${visible(line.area)}: ${first}`)], ...rest.map((text): Line => [span(`    ${text}`)])]
  })
  if (lines.length > 0) return lines.map((line) => cutLine(line, columns))
  const hint = writesFrom === undefined ? '' : `; it writes from ${writesFrom} on: 'greenroom level' changes that`
  return [cutLine([span(`  no line yet${hint}`, 'dim')], columns)]
}
