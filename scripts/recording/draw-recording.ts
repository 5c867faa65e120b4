import type { Frame, Recording, Run } from './terminal-recording.ts'

const CELL_WIDTH = 8.4
const CELL_HEIGHT = 18
const MARGIN = 14
/** Milliseconds that the last screen stays before the recording begins anew. */
const REST_MS = 4_000

/** An SVG that plays a recording for ever, without a script: the screens lie in a strip that is moved from one to the next. */
export function drawRecording({ columns, rows, frames, length }: Recording, title: string): string {
  const width = columns * CELL_WIDTH + 2 * MARGIN
  const height = rows * CELL_HEIGHT + 2 * MARGIN
  const total = length + REST_MS
  const lines = new Map<string, string>()
  const strip = frames.map(({ lines: screen }, i) => {
    const uses = screen.flatMap((runs, y) => {
      if (runs.length === 0) return []
      const drawn = runs.map(drawRun).join('')
      const id = lines.get(drawn) ?? `l${lines.size}`
      lines.set(drawn, id)
      return [`<use href="#${id}" y="${y * CELL_HEIGHT}"/>`]
    })
    return `<g transform="translate(${i * width} 0)">${uses.join('')}</g>`
  })
  const steps = frames.map(
    ({ at }: Frame, i) => `${((100 * (i === 0 ? 0 : at)) / total).toFixed(3)}%{transform:translateX(${-i * width}px)}`,
  )
  const last = `100%{transform:translateX(${-(frames.length - 1) * width}px)}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escaped(title)}</title>
<style>
text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}
.b{font-weight:700}.d{opacity:.6}
.strip{animation:play ${total.toFixed(0)}ms step-end infinite}
@keyframes play{${steps.join('')}${last}}
</style>
<defs>${[...lines].map(([drawn, id]) => `<g id="${id}">${drawn}</g>`).join('')}</defs>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<svg x="${MARGIN}" y="${MARGIN}" width="${columns * CELL_WIDTH}" height="${rows * CELL_HEIGHT}"><g class="strip">${strip.join('')}</g></svg>
</svg>
`
}

function drawRun({ text, column, colour, isBold, isDim, isInverse }: Run): string {
  const classes = [isBold ? 'b' : '', isDim ? 'd' : ''].filter((name) => name !== '').join(' ')
  const x = (column * CELL_WIDTH).toFixed(1)
  const length = (text.length * CELL_WIDTH).toFixed(1)
  const box = isInverse
    ? `<rect x="${x}" width="${length}" height="${CELL_HEIGHT}" fill="${colour ?? '#e6edf3'}"/>`
    : ''
  const fill = isInverse
    ? ' fill="#0d1117" style="fill:#0d1117"'
    : colour === undefined
      ? ''
      : ` style="fill:${colour}"`
  return `${box}<text x="${x}" y="14" textLength="${length}"${classes === '' ? '' : ` class="${classes}"`}${fill}>${escaped(text)}</text>`
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
