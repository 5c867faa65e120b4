import { mkdtempSync, readFileSync } from 'node:fs'
import type { Profiler, Runtime } from 'node:inspector'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Measure } from './measure.ts'
import type { Pair } from './pair.ts'

/** Functions, and places, that are printed of each profile. */
const TOP = 20
const TOP_PLACES = 10
const root = fileURLToPath(new URL('../', import.meta.url))

/** Where the time of one process went while it was not idle. */
export interface SelfTimes {
  /** Percent of the whole time. */
  readonly idle: number
  /** Percent of the time that was not idle, by function, most first. */
  readonly functions: readonly (readonly [name: string, percent: number])[]
  /** The same by package, folder of this project, or part of Node. */
  readonly places: readonly (readonly [place: string, percent: number])[]
}

/** Profiles both ends of a pair while one measure runs, after a turn that warms up; prints where their time went. */
export async function profilePair(pair: Pair, measure: Measure, windowMs: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'greenroom-profile-'))
  const file = (end: string): string => join(directory, `${pair.name}-${measure.id}-${end}.cpuprofile`)
  const files = { caller: file('caller'), callee: file('callee') }
  const reading = await pair.request({ type: 'profile', command: measure.command(windowMs), ...files })
  console.log(`${pair.name}, ${measure.id}: ${JSON.stringify(reading)}`)
  for (const path of Object.values(files)) {
    const profile = JSON.parse(readFileSync(path, 'utf8')) as Profiler.Profile
    const { idle, functions, places } = selfTimes(profile)
    console.log(`\n${path}\nidle ${idle.toFixed(1)} %; of the rest`)
    const show = ([name, percent]: readonly [string, number]): void =>
      console.log(`${percent.toFixed(1).padStart(6)} %  ${name}`)
    places.slice(0, TOP_PLACES).forEach(show)
    console.log('by function')
    functions.slice(0, TOP).forEach(show)
  }
}

/** Sums the samples of a profile, without those of the profiler itself. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): SelfTimes {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  let idle = 0
  let busy = 0
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id)
    const us = timeDeltas[i] ?? 0
    if (frame === undefined || frame.url === 'node:inspector') continue
    if (frame.functionName === '(idle)') {
      idle += us
      continue
    }
    busy += us
    const path = pathOf(frame)
    add(functions, path === '' ? frame.functionName : `${frame.functionName || '(anonymous)'}  ${path}`, us)
    add(places, placeOf(frame, path), us)
  }
  return { idle: (100 * idle) / (idle + busy), functions: ranked(functions, busy), places: ranked(places, busy) }
}

function add(times: Map<string, number>, name: string, us: number): void {
  times.set(name, (times.get(name) ?? 0) + us)
}

function ranked(times: ReadonlyMap<string, number>, busy: number): [string, number][] {
  return [...times].map(([name, us]): [string, number] => [name, (100 * us) / busy]).sort((a, b) => b[1] - a[1])
}

function pathOf({ url, lineNumber }: Runtime.CallFrame): string {
  if (url === '') return ''
  const path = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : url
  return `${path.replace(/^.*node_modules\//, '')}:${lineNumber + 1}`
}

/** `@libp2p/noise`, `rpc`, `node:internal`; native functions have no url and stand for themselves. */
function placeOf({ functionName }: Runtime.CallFrame, path: string): string {
  if (path === '') return functionName.startsWith('(') ? functionName : 'native code'
  if (path.startsWith('wasm:')) return 'wasm'
  return /^(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? path
}
