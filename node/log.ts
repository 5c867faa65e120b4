import { inspect, styleText } from 'node:util'
import debug from 'debug'
import type { CancelScope } from './cancel-scope.ts'
import { InvalidArgument } from './errors.ts'
import { PerActor } from './per-actor.ts'

/** From the most to the least talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
type Severity = Exclude<LogLevel, 'silent'>

/** Writes lines that carry time, level, actor name, id and area. */
export type Log = { readonly [L in Severity]: (message: string, ...details: unknown[]) => void }

const COLOURS = { trace: 'gray', debug: 'cyan', info: 'green', warn: 'yellow', error: 'red' } as const
let threshold = LOG_LEVELS.indexOf('warn')
const subjects = new PerActor<{ readonly name: string; readonly id: string }>()
let write = (line: string): void => void process.stderr.write(`${line}\n`)

/** Names the actor in every line of its that is written from now on. @param scope the actor's */
export function nameLogs(name: string, id: string, scope: CancelScope): void {
  subjects.set({ name, id: id.slice(-8) }, scope)
}

/** The level from which lines are written; default `warn`. @throws InvalidArgument on an unknown level */
export function setLogLevel(level: LogLevel): void {
  checkLogLevel(level)
  threshold = LOG_LEVELS.indexOf(level)
}

/** @throws InvalidArgument on an unknown level */
export function checkLogLevel(level: LogLevel): void {
  if (!LOG_LEVELS.includes(level))
    throw new InvalidArgument(`log level '${String(level)}' is unknown: use one of ${LOG_LEVELS.join(', ')}`)
}

/** The level that is in force: children start with it. */
export function logLevel(): LogLevel {
  return LOG_LEVELS[threshold] ?? 'warn'
}

/** Sends the lines somewhere else than to stderr; gives the function that undoes it. */
export function redirectLogs(sink: (line: string) => void): () => void {
  const before = write
  write = sink
  return () => {
    write = before
  }
}

/**
 * The log of one area: it writes from the process's level on, and always when `DEBUG=greenroom:<area>` asks for it.
 */
export function areaLog(area: string): Log {
  const at = (level: Severity) => {
    const rank = LOG_LEVELS.indexOf(level)
    return (message: string, ...details: unknown[]): void => {
      if (rank >= threshold || debug.enabled(`greenroom:${area}`)) emit(level, area, message, details)
    }
  }
  return { trace: at('trace'), debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/**
 * Turns pretty console lines on from a level and gives a log to write with; children inherit the level.
 *
 * @param level one of `trace`, `debug`, `info`, `warn`, `error`, `silent`; default `info`
 * @throws InvalidArgument on an unknown level
 * @example
 * ```ts
 * const log = getConsoleLog('trace')
 * log.info('lights on')
 * ```
 */
export function getConsoleLog(level: LogLevel = 'info'): Log {
  setLogLevel(level)
  return areaLog('console')
}

function emit(level: Severity, area: string, message: string, details: readonly unknown[]): void {
  const time = new Date().toISOString().slice(11, 23)
  const subject = subjects.current
  const who = subject === undefined ? 'greenroom' : `${subject.name} (${subject.id})`
  const word = styleText(COLOURS[level], level.toUpperCase().padEnd(5), { stream: process.stderr })
  write(`${time} ${word} ${who} ${area}: ${[message, ...details.map(show)].join(' ')}`)
}

function show(detail: unknown): string {
  if (detail instanceof Error) return detail.stack ?? String(detail)
  return typeof detail === 'string'
    ? detail
    : inspect(detail, { depth: 4, compact: true, breakLength: Number.POSITIVE_INFINITY })
}
