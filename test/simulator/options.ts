import { parseArgs } from 'node:util'
import { profiles } from '../../discovery/profile.ts'
import type { ProfileName } from '../../discovery/profile.ts'
import { faultNames } from './faults/all.ts'
import type { FaultName } from './faults/all.ts'
import type { Electorate } from './laws/law.ts'
import type { Mode, PlanOptions } from './plan.ts'
import { targets } from './targets/measures.ts'

/** What the command line asks for. */
export interface Options extends Omit<PlanOptions, 'seed'> {
  /** The seeds to run, in a row. */
  readonly firstSeed: number
  readonly seeds: number
  /** Numbers of the happenings to keep of the plan, as a report names them. */
  readonly keep: readonly number[] | undefined
  readonly json: boolean
  /** Lines of the trace to print of a run. */
  readonly trace: number
  /** Measure the table of targets instead; write it into the docs. */
  readonly targets: boolean
  readonly only: readonly string[] | undefined
  readonly write: boolean
  /** At the largest sizes. */
  readonly long: boolean
}

/** The most roots of one simulation. */
const MAX_NODES = 10_000

export const USAGE = `npm run simulate                                  100 seeds of both modes' faults, from seed 1
npm run simulate -- --seeds 5000                  more of them
npm run simulate -- --seed 42                     one seed; with --trace 200 the last lines of what happened
npm run simulate -- --nodes 1000 --seed 42 --fault partition
                                                  how many roots start, and which faults (a list with commas)
npm run simulate -- --mode safety                 faults all the time; default liveness: faults stop, and all must heal
npm run simulate -- --electorate quorum           default elastic
npm run simulate -- --profile lan                 loopback (default), lan or wan
npm run simulate -- --disturbed 60000             milliseconds of faults
npm run simulate -- --seed 42 --keep 0,3,7        only these happenings of the plan
npm run simulate -- --targets                     measures the table of docs/discovery.md; --only crash,idle some rows,
                                                  --nodes 100 at one size, --long at the largest (half an hour, 4 GB),
                                                  --write puts what was measured into the docs
npm run simulate -- --json                        as JSON
faults: ${faultNames.join(', ')}`

/**
 * What the command line asks for; `undefined` when it asks for help.
 *
 * @throws Error when it asks for what there is not
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string' },
      nodes: { type: 'string' },
      fault: { type: 'string' },
      mode: { type: 'string', default: 'liveness' },
      electorate: { type: 'string', default: 'elastic' },
      profile: { type: 'string', default: 'loopback' },
      disturbed: { type: 'string' },
      keep: { type: 'string' },
      trace: { type: 'string', default: '0' },
      targets: { type: 'boolean', default: false },
      only: { type: 'string' },
      write: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const seeds = whole('--seeds', values.seeds ?? (values.seed === undefined ? '100' : '1'), 1, 10_000_000)
  if (values.keep !== undefined && seeds > 1) throw new Error('--keep names happenings of one plan: give --seed alone')
  const rows = targets.map(({ id }) => id)
  if (!values.targets && (values.write || values.long || values.only !== undefined))
    throw new Error('--write, --long and --only belong to --targets')
  return {
    targets: values.targets,
    only: values.only?.split(',').map((name) => oneOf('--only', name, rows)),
    write: values.write,
    long: values.long,
    firstSeed: whole('--seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    seeds,
    nodes: values.nodes === undefined ? undefined : whole('--nodes', values.nodes, 1, MAX_NODES),
    faults: values.fault?.split(',').map((name) => oneOf<FaultName>('--fault', name, faultNames)),
    mode: oneOf<Mode>('--mode', values.mode, ['liveness', 'safety']),
    electorate: oneOf<Electorate>('--electorate', values.electorate, ['elastic', 'quorum']),
    profile: oneOf<ProfileName>('--profile', values.profile, Object.keys(profiles) as ProfileName[]),
    disturbed: values.disturbed === undefined ? undefined : whole('--disturbed', values.disturbed, 0, 86_400_000),
    keep: values.keep?.split(',').map((text) => whole('--keep', text, 0, 1_000_000)),
    trace: whole('--trace', values.trace, 0, 1_000_000),
    json: values.json,
  }
}

function oneOf<T extends string>(option: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((name) => name === text)
  if (choice === undefined) throw new Error(`${option} is one of ${choices.join(', ')}, got '${text}'`)
  return choice
}

function whole(option: string, text: string, least: number, most: number): number {
  const number = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= least && number <= most) return number
  throw new Error(`${option} is a whole number from ${least} to ${most}, got '${text}'`)
}
