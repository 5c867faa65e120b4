import { failAfter, sleep } from '../../index.ts'
import { ANSWER_MS, askAll } from '../ask-all.ts'
import { describeFailure } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'
import { findEach } from '../find-one.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import { roundTrip } from '../round-trip.ts'
import type { Column } from '../table.ts'
import { shortId, showMs, visible } from '../text.ts'

/** Times that an actor is asked, and milliseconds in between, unless told otherwise. */
export const PINGS = 5
export const PING_INTERVAL_MS = 200
/** Times that each of several is asked, one after the other. */
export const RTT_SAMPLES = 5

/** What `ping --json` prints at the end, and `rtt --json` of each actor; times are in milliseconds. */
export interface RoundTrips {
  readonly name: string
  readonly id: string
  readonly sent: number
  readonly answered: number
  /** Null when there was no answer. */
  readonly minMs: number | null
  readonly medianMs: number | null
  readonly maxMs: number | null
  /** Why the last one that was not answered was not. */
  readonly silent: string | null
}

export interface PingOptions extends LookOptions {
  readonly count?: number
  readonly interval?: number
  readonly timeout?: number
}

/** Asks one actor again and again how long the way to it and back is; gives the exit code. */
export async function ping(given: string, options: PingOptions): Promise<number> {
  const { count = PINGS, interval = PING_INTERVAL_MS, timeout = ANSWER_MS } = options
  return await lookInto(options, async (sight, output) => {
    const member = sight.member(given)
    const { name, id } = member
    const portal = sight.portal(member)
    const times: number[] = []
    let silent: string | undefined
    for (let i = 0; i < count; i++) {
      if (i > 0) await sleep(interval)
      try {
        const ms = await failAfter(timeout, async () => await roundTrip(portal))
        times.push(ms)
        if (!output.json) await output.line(`${visible(name)} (${shortId(id)}) answered in ${showMs(ms)}`)
      } catch (error) {
        if (output.unread.aborted) throw error
        silent = describeFailure(error)
        if (!output.json) await output.line(`${visible(name)} (${shortId(id)}) did not answer: ${silent}`)
      }
    }
    const summary = summarize({ name, id }, count, times, silent)
    if (output.json) await output.document(summary)
    else await output.line(showSummary(summary))
    return times.length === 0 ? EXIT.failed : EXIT.done
  })
}

/** Prints the round trips to several actors, to the roots when none is named; gives the exit code. */
export async function rtt(given: readonly string[], options: PingOptions): Promise<number> {
  const { count = RTT_SAMPLES, timeout = ANSWER_MS } = options
  return await lookInto(options, async (sight, output) => {
    const members = sight.members()
    const chosen = given.length === 0 ? members.filter(({ parent }) => parent === null) : findEach(members, given)
    const answers = await askAll(
      chosen,
      async (member) => {
        const times: number[] = []
        for (let i = 0; i < count; i++) times.push(await roundTrip(sight.portal(member)))
        return times
      },
      timeout * count,
    )
    const reports = chosen.map(({ name, id }, i) =>
      summarize({ name, id }, count, answers[i]!.value ?? [], answers[i]!.silent),
    )
    if (output.json) await output.document(reports)
    else await output.table(COLUMNS, reports)
    return reports.every(({ answered }) => answered > 0) ? EXIT.done : EXIT.failed
  })
}

export function summarize(
  { name, id }: { readonly name: string; readonly id: string },
  sent: number,
  times: readonly number[],
  silent: string | undefined,
): RoundTrips {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): number | null => sorted[Math.floor((sorted.length - 1) * share)] ?? null
  return {
    name,
    id,
    sent,
    answered: times.length,
    minMs: at(0),
    medianMs: at(0.5),
    maxMs: at(1),
    silent: silent ?? null,
  }
}

const COLUMNS: readonly Column<RoundTrips>[] = [
  { title: 'NAME', cell: ({ name }) => visible(name) },
  { title: 'ID', cell: ({ id }) => shortId(id) },
  { title: 'ANSWERED', cell: ({ answered, sent }) => `${answered}/${sent}`, right: true },
  { title: 'MIN', cell: ({ minMs }) => show(minMs), right: true },
  { title: 'MEDIAN', cell: ({ medianMs }) => show(medianMs), right: true },
  { title: 'MAX', cell: ({ maxMs }) => show(maxMs), right: true },
  { title: 'WHY', cell: ({ silent }) => silent ?? '' },
]

function showSummary({ answered, sent, minMs, medianMs, maxMs }: RoundTrips): string {
  const times =
    answered === 0 ? '' : `: ${show(minMs)} at least, ${show(medianMs)} in the middle, ${show(maxMs)} at most`
  return `${answered} of ${sent} answered${times}`
}

function show(ms: number | null): string {
  return ms === null ? '-' : showMs(ms)
}
