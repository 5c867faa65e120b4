import type { MemberSnapshot } from '../../index.ts'
import { CommandError } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { type BenchNumbers, measure } from '../measure.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { shortId, showBytes, showMs, visible } from '../text.ts'

/** Milliseconds that each of the four measures lasts, unless told otherwise. */
export const BENCH_MS = 1_000
const NAMESPACE = 'greenroom-bench'

/** What `bench --json` prints. */
export interface BenchReport extends BenchNumbers {
  /** Null for this command itself. */
  readonly from: { readonly name: string; readonly id: string } | null
  readonly to: { readonly name: string; readonly id: string }
  /** How long each measure lasted. */
  readonly forMs: number
}

export interface BenchOptions extends LookOptions {
  readonly for?: number
}

/** Measures calls and streams from one host's peer to another's, or from here to one; gives the exit code. */
export async function bench(given: readonly string[], options: BenchOptions): Promise<number> {
  const forMs = options.for ?? BENCH_MS
  return await lookInto(options, async (sight, output) => {
    const [from, to] = choose(sight, given)
    const numbers =
      from === undefined
        ? await measure(sight.portal(to), forMs)
        : ((await sight.portal(from).call(`${NAMESPACE}#measureTo`, to.id, forMs)) as BenchNumbers)
    const report: BenchReport = { from: from === undefined ? null : refOf(from), to: refOf(to), forMs, ...numbers }
    if (output.json) await output.document(report)
    else for (const line of drawBench(report)) await output.line(line)
  })
}

function choose(sight: MeshSight, given: readonly string[]): [from: MemberSnapshot | undefined, to: MemberSnapshot] {
  const chosen = given.map((one) => checked(sight.member(one)))
  const [first, second] = chosen.length > 0 ? chosen : sight.members().filter(serves)
  if (first === undefined)
    throw new CommandError(
      'NO_BENCH',
      EXIT.failed,
      "no member serves a bench: the peers of hosts do, 'greenroom up' runs one",
    )
  return second === undefined ? [undefined, first] : [first, second]
}

/** @throws CommandError `NO_BENCH` */
function checked(member: MemberSnapshot): MemberSnapshot {
  if (serves(member)) return member
  throw new CommandError(
    'NO_BENCH',
    EXIT.failed,
    `${visible(member.name)} (${shortId(member.id)}) serves no bench: the peers of hosts do, 'greenroom up' runs one`,
  )
}

function serves({ modules }: MemberSnapshot): boolean {
  return modules.includes(NAMESPACE)
}

export function drawBench({ from, to, calls, callsPerS, itemsPerS, streamBytesPerS }: BenchReport): string[] {
  const us = (value: number): string => showMs(value / 1_000)
  const who = from === null ? 'this command' : `${visible(from.name)} (${shortId(from.id)})`
  return [
    `from ${who} to ${visible(to.name)} (${shortId(to.id)})`,
    `  one call after the other   ${us(calls.p50Us)} half of them, ${us(calls.p99Us)} all but one in a hundred, ${us(calls.maxUs)} at most`,
    `  calls, 64 at a time        ${callsPerS} a second`,
    `  stream, small items        ${itemsPerS} a second`,
    `  stream, items of 64 KiB    ${showBytes(streamBytesPerS)} a second`,
  ]
}

function refOf({ name, id }: MemberSnapshot): { readonly name: string; readonly id: string } {
  return { name, id }
}
