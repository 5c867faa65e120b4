import { styleText } from 'node:util'
import { type LogLine, type LogLevel, type MeshObserver, setLogLevel } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { showGap } from '../show-event.ts'
import { shortId, showTime, visible } from '../text.ts'

/** Lines of before that are shown, unless told otherwise. */
export const RECENT_LINES = 100

export interface LogsOptions extends LookOptions {
  readonly level?: LogLevel
  readonly recent?: number
  readonly follow?: boolean
}

/** Prints lines of the logs of all actors, or of some; gives the exit code. */
export async function logs(given: readonly string[], options: LogsOptions): Promise<number> {
  const { level = 'trace', recent = RECENT_LINES, follow = false } = options
  return await lookInto(options, async (sight, output) => {
    const lines = sight.observer.logs({ level, recent, follow, ...namesOf(sight, given) })
    for await (const line of lines)
      if (output.json) await output.item(line)
      else await output.line('text' in line ? showLine(line) : showGap(line))
  })
}

/** Sets from which level on actors, all or some with what is below them, write lines; gives the exit code. */
export async function setLevel(
  level: LogLevel,
  given: readonly string[],
  options: LookOptions & { readonly for?: number },
): Promise<number> {
  return await lookInto(options, async (sight, output) => {
    const outcomes = await levelEach(sight, level, given, options.for)
    const reports = outcomes.map(({ actor: { name, id }, why }) => ({ name, id, level, silent: why ?? null }))
    if (output.json) await output.document(reports)
    else
      for (const { name, id, silent } of reports)
        await output.line(
          silent === null
            ? `${visible(name)} (${shortId(id)}) and what is below it write from ${level} on`
            : `${visible(name)} (${shortId(id)}) did not answer: ${visible(silent)}`,
        )
    return reports.every(({ silent }) => silent === null) ? 0 : 1
  })
}

async function levelEach(
  sight: MeshSight,
  level: LogLevel,
  given: readonly string[],
  forMs: number | undefined,
): ReturnType<MeshObserver['setLogLevel']> {
  const bound = forMs === undefined ? {} : { forMs }
  if (given.length === 0) return await sight.observer.setLogLevel(level, bound)
  const members = given.map((one) => sight.member(one))
  const answers = await askAll(members, async (one) => await setLogLevel(sight.portal(one), level, bound))
  return members.map(({ name, id }, i) => {
    const why = answers[i]?.silent
    return { actor: { name, id }, ...(why === undefined ? {} : { why }) }
  })
}

/** Names hold for those of the name that start later as well; what is an id stays one. */
function namesOf(sight: MeshSight, given: readonly string[]): { readonly actors?: readonly string[] } {
  if (given.length === 0) return {}
  const names = new Set(sight.members().map(({ name }) => name))
  return { actors: given.map((one) => (names.has(one) ? one : sight.member(one).id)) }
}

const COLOURS = { trace: 'gray', debug: 'cyan', info: 'green', warn: 'yellow', error: 'red' } as const

function showLine({ at, level, actor, area, text, call }: LogLine): string {
  const word = styleText(COLOURS[level], level.toUpperCase().padEnd(5), { stream: process.stdout })
  const where = `${visible(actor.name)} (${shortId(actor.id)}) ${visible(area)}${call === undefined ? '' : ` [${visible(String(call.id))}]`}`
  const [first = '', ...rest] = text.split('\n').map(visible)
  return [`${showTime(at)} ${word} ${where}: ${first}`, ...rest.map((line) => `    ${line}`)].join('\n')
}
