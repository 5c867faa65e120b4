import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)

/** A quoted file: the comment that names it, then a code block. */
const QUOTE = /<!-- (examples\/[\w./-]+\.ts) -->\n```ts\n[\s\S]*?```/g

/** A text with every quoted example as its file says it, importing the package by its name. */
export function quoteExamples(text: string): string {
  return text.replace(QUOTE, (_, file: string) => {
    const source = readFileSync(new URL(file, root), 'utf8')
      .replaceAll(/'(\.\.\/)+index\.ts'/g, "'greenroom'")
      .replaceAll(/'(\.\.\/)+testing\/index\.ts'/g, "'greenroom/testing'")
    return `<!-- ${file} -->\n\`\`\`ts\n${source.trim()}\n\`\`\``
  })
}

/** Paths of the texts that may quote examples. */
export function quotingPages(): string[] {
  return globSync(['README.md', 'docs/*.md'], { cwd: root }).map((page) => fileURLToPath(new URL(page, root)))
}

/** The examples that a text quotes. */
export function quotedExamples(text: string): string[] {
  return [...text.matchAll(QUOTE)].map(([, file]) => file ?? '')
}

if (import.meta.main) {
  for (const page of quotingPages()) writeFileSync(page, quoteExamples(readFileSync(page, 'utf8')))
}
