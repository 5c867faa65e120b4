import { cell, type Line, type Span, span } from './line.ts'
import { widthOf } from '../text.ts'

/** A column of a list on the screen: as wide as it always is, so that nothing moves when a number grows. */
export interface GridColumn<T> {
  readonly title: string
  readonly width: number
  readonly cell: (row: T) => Span | string
  readonly right?: boolean
  /** Takes the columns that are left over; there is one of these. */
  readonly wide?: boolean
  /** Those of the highest number are left out first where there is no room. */
  readonly rank: number
}

export interface GridRow<T> {
  readonly key: string
  readonly value: T
}

const GAP = 1
/** Columns before each row, where the chosen one is marked. */
const MARK = 2

/** The columns that fit, in their order, with the width that each of them gets. */
function fitColumns<T>(columns: readonly GridColumn<T>[], width: number): [GridColumn<T>, number][] {
  const kept = new Set<GridColumn<T>>()
  let left = width - MARK
  for (const column of columns.toSorted((a, b) => a.rank - b.rank)) {
    const needed = column.width + (kept.size === 0 ? 0 : GAP)
    if (needed > left && kept.size > 0) break
    kept.add(column)
    left -= needed
  }
  return columns
    .filter((column) => kept.has(column))
    .map((column) => [column, Math.max(1, column.width + (column.wide === true ? left : 0))])
}

/**
 * A list with titles, scrolled so that the chosen row shows.
 *
 * @param empty what is said when there are no rows
 */
export function drawGrid<T>(
  columns: readonly GridColumn<T>[],
  rows: readonly GridRow<T>[],
  size: { readonly columns: number; readonly rows: number },
  chosen: string | undefined,
  empty: string,
): Line[] {
  if (size.rows <= 0) return []
  const fitting = fitColumns(columns, size.columns)
  const title = fitting.map(([column, width]) => cell(column.title, width, column.right)).join(' ')
  const head: Line = [span(cell(`  ${title}`, size.columns), 'dim')]
  if (rows.length === 0) return [head, [span(cell(`  ${empty}`, size.columns), 'dim')]].slice(0, size.rows)
  return [
    head,
    ...rowsThatShow(rows, size.rows, chosen).map((row) =>
      drawRow(fitting, row.value, row.key === chosen, size.columns),
    ),
  ]
}

/** Those of a list that is so high, its titles included. */
export function rowsThatShow<T extends { readonly key: string }>(
  rows: readonly T[],
  height: number,
  chosen: string | undefined,
): readonly T[] {
  const at = rows.findIndex(({ key }) => key === chosen)
  const from = scrolled(at, height - 1, rows.length)
  return rows.slice(from, from + Math.max(0, height - 1))
}

/** The first line that shows, so that the chosen one is in the middle where that is possible. */
function scrolled(at: number, height: number, length: number): number {
  return Math.max(0, Math.min(at - Math.floor(height / 2), length - height))
}

function drawRow<T>(
  columns: readonly (readonly [GridColumn<T>, number])[],
  row: T,
  chosen: boolean,
  width: number,
): Line {
  const spans = columns.flatMap(([column, columnWidth], i): Span[] => {
    const said = column.cell(row)
    const { text, tone = 'plain' } = typeof said === 'string' ? span(said) : said
    return [...(i === 0 ? [] : [span(' ')]), span(cell(text, columnWidth, column.right), tone)]
  })
  const line: Line = [span(chosen ? '> ' : '  '), ...spans]
  if (!chosen) return line
  const text = line.map((one) => one.text).join('')
  return [span(text + ' '.repeat(Math.max(0, width - widthOf(text))), 'chosen')]
}
