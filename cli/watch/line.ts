import { fit, widthOf } from '../text.ts'

/** What a piece of text is, which is more than its colour: without colour the words have to say it as well. */
export type Tone = 'plain' | 'dim' | 'strong' | 'good' | 'warn' | 'bad' | 'accent' | 'chosen'

export interface Span {
  readonly text: string
  readonly tone?: Tone
}

/** One line of the screen. */
export type Line = readonly Span[]

export function span(text: string, tone: Tone = 'plain'): Span {
  return { text, tone }
}

export function plain(text: string): Line {
  return [{ text }]
}

export function textOf(line: Line): string {
  return line.map(({ text }) => text).join('')
}

export function widthOfLine(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0)
}

/** A text in exactly so many columns. */
export function cell(text: string, columns: number, right = false): string {
  const shown = fit(text, columns)
  const pad = ' '.repeat(Math.max(0, columns - widthOf(shown)))
  return right ? pad + shown : shown + pad
}

/** As much of a line as so many columns hold. */
export function cutLine(line: Line, columns: number): Line {
  if (widthOfLine(line) <= columns) return line
  const kept: Span[] = []
  let left = columns
  for (const one of line) {
    const text = fit(one.text, left)
    kept.push({ ...one, text })
    left -= widthOf(text)
    if (text !== one.text || left <= 0) break
  }
  return kept
}

/** A line in exactly so many columns. */
export function fillLine(line: Line, columns: number): Line {
  const cut = cutLine(line, columns)
  const missing = columns - widthOfLine(cut)
  return missing > 0 ? [...cut, { text: ' '.repeat(missing) }] : cut
}

/** Two lines beside each other: the left one in so many columns. */
export function beside(left: Line, columns: number, right: Line): Line {
  return [...fillLine(left, columns), ...right]
}

/** One line with something at its right end, which gives way when there is no room for both. */
export function withEnd(left: Line, end: Line, columns: number): Line {
  const room = columns - widthOfLine(end)
  return widthOfLine(left) < room ? [...fillLine(left, room), ...end] : cutLine(left, columns)
}

/** The line between two parts of the screen. */
export function rule(title: string, columns: number): Line {
  const head = fit(`── ${title} `, columns)
  return [span(head + '─'.repeat(Math.max(0, columns - widthOf(head))), 'dim')]
}
