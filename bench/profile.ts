import { mkdtempSync, readFileSync } from 'node:fs'
import type { Profiler, Runtime } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measure } from './measures.ts'
import type { Pair } from './pair.ts'

/** Functions that are printed of each profile. */
const TOP = 20
const root = fileURLToPath(new URL('../', import.meta.url))

/** A function and the share of time that was spent in itself, in percent. */
interface SelfTime {
  readonly name: string
  readonly percent: number
}

/** Profiles both ends of a pair while one measure runs, after a turn that warms up; prints where their time went. */
export async function profilePair(pair: Pair, measure: Measure, windowMs: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'greenroom-profile-'))
  const file = (end: string): string => join(directory, `${pair.name}-${measure.id}-${end}.cpuprofile`)
  const files = { caller: file('caller'), callee: file('callee') }
  const reading = await pair.request({ type: 'profile', command: measure.command(windowMs), ...files })
  console.log(`${pair.name}, ${measure.id}: ${JSON.stringify(reading)}`)
  for (const path of Object.values(files)) {
    console.log(`\n${path}`)
    for (const { name, percent } of selfTimes(JSON.parse(readFileSync(path, 'utf8')) as Profiler.Profile).slice(0, TOP))
      console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`)
  }
}

/** Where a profile's time went, function by function, most first. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): SelfTime[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const times = new Map<string, number>()
  let total = 0
  for (const [i, id] of samples.entries()) {
    const name = names.get(id) ?? '(unknown)'
    const us = timeDeltas[i] ?? 0
    times.set(name, (times.get(name) ?? 0) + us)
    total += us
  }
  return [...times].map(([name, us]) => ({ name, percent: (100 * us) / total })).sort((a, b) => b.percent - a.percent)
}

function nameOf({ functionName, url, lineNumber }: Runtime.CallFrame): string {
  const name = functionName || '(anonymous)'
  if (url === '') return name
  const path = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
  return `${name}  ${path.replace(/^.*node_modules\//, '')}:${lineNumber + 1}`
}
