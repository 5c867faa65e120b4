import { Bench } from './bench.ts'
import type { Measured } from './bench.ts'
import { targets } from './measures.ts'

/** One measurement of the table. */
export interface Result extends Measured {
  readonly id: string
  readonly roots: number
}

/** Measures every row at every size, or some of them; tells of each as it is done. */
export async function measureTargets(
  ids: readonly string[] | undefined,
  sizes: readonly number[] | 'usual' | 'long',
  tell: (result: Result) => void,
): Promise<Result[]> {
  const results: Result[] = []
  const benches = new Map<number, Bench>()
  for (const { id, sizes: usual, longSizes, measure } of targets) {
    if (ids !== undefined && !ids.includes(id)) continue
    for (const roots of sizes === 'usual' ? usual : sizes === 'long' ? (longSizes ?? []) : sizes) {
      const bench = benches.get(roots) ?? new Bench(roots)
      benches.set(roots, bench)
      const result = { id, roots, ...(await measure(bench)) }
      results.push(result)
      tell(result)
    }
  }
  return results
}

/** The results as a table in Markdown. */
export function tableOf(results: readonly Result[]): string {
  const lines = ['| what | others | target | measured |', '| --- | --- | --- | --- |']
  for (const { id, what, anchor, target } of targets) {
    const measured = results
      .filter((result) => result.id === id)
      .map(({ roots, text, met }) => `${roots.toLocaleString('en')}: ${text}${met ? '' : ' **not met**'}`)
    lines.push(`| ${what} | ${anchor} | ${target} | ${measured.join('<br>') || 'not measured'} |`)
  }
  return lines.join('\n')
}
