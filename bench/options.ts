import { parseArgs } from 'node:util'
import type { Measure } from './measure.ts'
import { chooseMeasures } from './measures.ts'
import { type PairName, PAIRS } from './pair.ts'

export interface Options {
  readonly measures: readonly Measure[]
  readonly pairs: readonly PairName[]
  /** Rounds that count; each pair has one turn in each. */
  readonly rounds: number
  /** Milliseconds of one turn. */
  readonly windowMs: number
  readonly json: boolean
  readonly profile: boolean
}

const USAGE = `npm run bench                                   the whole table
npm run bench -- --only=calls,stream            some measures: calls (calls-1, calls-64, calls-256), stream, bulk,
                                                beside, cold, spawn, discovery, hosts, allocation, step
npm run bench -- --pairs=greenroom,libp2p       some columns: ${Object.keys(PAIRS).join(', ')}
npm run bench -- --rounds=9 --window=1000       more rounds (default 5), longer windows (default 400 ms)
npm run bench -- --json                         as JSON, with the number of every round
npm run bench -- --profile=calls-64             CPU profiles of both ends while one measure runs (--pairs=libp2p for
                                                a floor's)`

/**
 * What the command line asks for; `undefined` when it asks for help, which is printed then.
 *
 * @throws Error when it asks for what there is not
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      pairs: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      window: { type: 'string', default: '400' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return undefined
  }
  const { profile, json } = values
  return {
    measures: chooseMeasures((profile ?? values.only)?.split(',')),
    pairs: choosePairs((values.pairs ?? (profile === undefined ? undefined : 'greenroom'))?.split(',')),
    rounds: wholeNumber('--rounds', values.rounds),
    windowMs: wholeNumber('--window', values.window),
    json,
    profile: profile !== undefined,
  }
}

function choosePairs(names: readonly string[] | undefined): PairName[] {
  const all = Object.keys(PAIRS) as PairName[]
  const unknown = names?.filter((name) => !Object.hasOwn(PAIRS, name)) ?? []
  if (unknown.length > 0) throw new Error(`there is no pair named ${unknown.join(', ')}: choose from ${all.join(', ')}`)
  return all.filter((name) => names?.includes(name) ?? true)
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new Error(`${option} is a whole number above 0, got '${text}'`)
}
