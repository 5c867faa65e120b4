import { fit, widthOf } from './text.ts'

const GAP = '  '

export interface Column<Row> {
  readonly title: string
  readonly cell: (row: Row) => string
  readonly right?: boolean
}

/**
 * Rows in columns as wide as their widest cell; a column in which nobody says anything is left out. The last column is
 * cut where a line would be longer than the terminal is wide.
 *
 * @param width columns of the terminal; undefined for no limit
 */
export function drawTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width?: number): string[] {
  const shown = columns
    .map(({ title, cell, right = false }) => ({ title, right, cells: rows.map(cell) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ''))
    .map((column) => ({
      ...column,
      width: column.cells.reduce((most, cell) => Math.max(most, widthOf(cell)), widthOf(column.title)),
    }))
  const draw = (pick: (column: (typeof shown)[number]) => string): string => {
    const cells = shown.map((column, at) => {
      const text = pick(column)
      const pad = ' '.repeat(column.width - widthOf(text))
      if (column.right) return pad + text
      return at === shown.length - 1 ? text : text + pad
    })
    const line = cells.join(GAP).trimEnd()
    return width === undefined ? line : fit(line, width)
  }
  return [draw(({ title }) => title), ...rows.map((_, i) => draw(({ cells }) => cells[i]!))]
}
