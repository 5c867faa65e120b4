/** A line of a plot. */
export interface Series {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
  readonly dashed?: boolean
}

/** What a plot shows. */
export interface Plot {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly series: readonly Series[]
}

const width = 640
const height = 320
const margin = { left: 64, right: 150, top: 40, bottom: 48 }
const colours = ['#2f6fde', '#c2410c', '#15803d', '#8b5cf6']

/**
 * Draws lines over a logarithmic axis of sizes. The colours are readable on white and on black, and text takes the
 * colour that the reader's scheme asks for.
 */
export function drawPlot({ title, xLabel, yLabel, series }: Plot): string {
  const points = series.flatMap((line) => line.points)
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b)
  const top = niceTop(Math.max(...points.map(({ y }) => y), 1e-9))
  const [low, high] = [Math.log10(xs[0] ?? 1), Math.log10(xs.at(-1) ?? 10)]
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom }
  const px = (x: number): number => margin.left + ((Math.log10(x) - low) / Math.max(high - low, 1e-9)) * inner.width
  const py = (y: number): number => margin.top + (1 - y / top) * inner.height
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escape(title)}">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#24292f}.axis{stroke:#6e7781;stroke-width:1;fill:none}.grid{stroke:#6e7781;stroke-opacity:.25}@media(prefers-color-scheme:dark){text{fill:#e6edf3}}</style>',
    `<text x="${margin.left}" y="22" font-weight="600">${escape(title)}</text>`,
  ]
  for (let step = 0; step <= 4; step++) {
    const y = (top * step) / 4
    parts.push(
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${fix(py(y))}" y2="${fix(py(y))}"/>`,
    )
    parts.push(
      `<text x="${margin.left - 8}" y="${fix(py(y) + 4)}" text-anchor="end">${Number(y.toPrecision(3))}</text>`,
    )
  }
  for (const x of xs) {
    parts.push(
      `<text x="${fix(px(x))}" y="${height - margin.bottom + 18}" text-anchor="middle">${x.toLocaleString('en')}</text>`,
    )
  }
  parts.push(
    `<path class="axis" d="M${margin.left} ${margin.top}V${height - margin.bottom}H${width - margin.right}"/>`,
    `<text x="${margin.left + inner.width / 2}" y="${height - 10}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(16 ${margin.top + inner.height / 2}) rotate(-90)" text-anchor="middle">${escape(yLabel)}</text>`,
  )
  for (const [index, { name, points: line, dashed = false }] of series.entries()) {
    const colour = colours[index % colours.length] ?? '#2f6fde'
    const path = line.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${fix(px(x))} ${fix(py(y))}`).join('')
    parts.push(
      `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''}/>`,
    )
    for (const { x, y } of line) parts.push(`<circle cx="${fix(px(x))}" cy="${fix(py(y))}" r="3" fill="${colour}"/>`)
    const y = margin.top + 14 + index * 20
    const x = width - margin.right + 12
    parts.push(
      `<line x1="${x}" x2="${x + 18}" y1="${y - 4}" y2="${y - 4}" stroke="${colour}" stroke-width="2"${dashed ? ' stroke-dasharray="6 4"' : ''}/>`,
    )
    parts.push(`<text x="${x + 24}" y="${y}">${escape(name)}</text>`)
  }
  return `${parts.join('\n')}\n</svg>\n`
}

function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 4, 5, 8, 10].find((factor) => value <= factor * power) ?? 10
  return step * power
}

function fix(value: number): string {
  return value.toFixed(1)
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
