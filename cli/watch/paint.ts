import { styleText } from 'node:util'
import type { Line, Tone } from './line.ts'

const COLOURED: Readonly<Record<Tone, Parameters<typeof styleText>[0] | undefined>> = {
  plain: undefined,
  dim: 'gray',
  strong: 'bold',
  good: 'green',
  warn: 'yellow',
  bad: ['red', 'bold'],
  accent: 'cyan',
  chosen: 'inverse',
}
const UNCOLOURED: typeof COLOURED = {
  ...COLOURED,
  dim: undefined,
  good: undefined,
  warn: undefined,
  bad: 'bold',
  accent: undefined,
}

/** A line as a terminal takes it. @param coloured false leaves what is no colour: bold, and inverse */
export function paint(line: Line, coloured: boolean): string {
  const styles = coloured ? COLOURED : UNCOLOURED
  return line
    .map(({ text, tone = 'plain' }) => {
      const style = styles[tone]
      return style === undefined || text === '' ? text : styleText(style, text, { validateStream: false })
    })
    .join('')
}
