import { inspect, styleText } from 'node:util'
import debug from 'debug'
import { type CallRef, type CancelScope, currentScope } from './cancel-scope.ts'
import { InvalidArgument } from './errors.ts'
import { LogBook, MAX_LINE_TEXT } from './log-book.ts'
import { PerActor } from './per-actor.ts'

/** From the most to the least talkative. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]
type Severity = Exclude<LogLevel, 'silent'>
/** Milliseconds for which a level can be changed; without a time it stays. */
export const MAX_LEVEL_MS = 24 * 60 * 60 * 1_000

/** Writes lines that carry time, level, actor name, id and area. */
export type Log = { readonly [L in Severity]: (message: string, ...details: unknown[]) => void }

const COLOURS = { trace: 'gray', debug: 'cyan', info: 'green', warn: 'yellow', error: 'red' } as const
let threshold = LOG_LEVELS.indexOf('warn')
/** The level that is in force again after the one for a time. */
let lasting: { readonly level: LogLevel; readonly timer: NodeJS.Timeout; readonly until: number } | undefined
const books = new PerActor<LogBook>()
/** Of a process that is no actor, or not yet. */
const bookOfNobody = new LogBook({ name: 'greenroom', id: '' })
let write = writeToStderr

/** Names the actor in every line of its that is written from now on; gives what keeps them. @param scope the actor's */
export function nameLogs(name: string, id: string, scope: CancelScope): LogBook {
  const book = new LogBook({ name, id })
  books.set(book, scope)
  return book
}

/**
 * The level from which lines are written; default `warn`.
 *
 * @param forMs milliseconds after which the level of before is in force again, 1 to 86,400,000; default it stays
 * @throws InvalidArgument on an unknown level, or another time
 */
export function setLogLevel(level: LogLevel, forMs?: number): void {
  checkLogLevel(level)
  checkLevelMs(forMs)
  const before = lastingLogLevel()
  clearTimeout(lasting?.timer)
  threshold = LOG_LEVELS.indexOf(level)
  lasting = undefined
  if (forMs === undefined) return
  const timer = setTimeout(() => setLogLevel(before), forMs).unref()
  lasting = { level: before, timer, until: Date.now() + forMs }
}

/** @throws InvalidArgument when a level cannot be in force for such a time */
export function checkLevelMs(forMs: number | undefined): void {
  if (forMs !== undefined && !(Number.isInteger(forMs) && forMs >= 1 && forMs <= MAX_LEVEL_MS))
    throw new InvalidArgument(`a log level is changed for 1 to ${MAX_LEVEL_MS} ms, got ${inspect(forMs)}`)
}

/** The level that is in force when no other one is for a time. */
export function lastingLogLevel(): LogLevel {
  return lasting?.level ?? logLevel()
}

/** What is in force for a time, and milliseconds until it is over. */
export function passingLogLevel(): { readonly level: LogLevel; readonly forMs: number } | undefined {
  return lasting === undefined ? undefined : { level: logLevel(), forMs: Math.max(1, lasting.until - Date.now()) }
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
  const at = Date.now()
  const book = books.current ?? bookOfNobody
  const { actor } = book
  const { call } = currentScope()
  const text = [message, ...details.map(show)].join(' ')
  book.write({ at, level, area, text: brief(text), ...(call === undefined ? {} : { call }) })
  const time = new Date(at).toISOString().slice(11, 23)
  const word = styleText(COLOURS[level], level.toUpperCase().padEnd(5), { stream: process.stderr })
  write(`${time} ${word} ${who(actor.name, actor.id)} ${area}${showCall(call)}: ${text}`)
}

function who(name: string, id: string): string {
  return id === '' ? name : `${name} (${id.slice(-8)})`
}

function showCall(call: CallRef | undefined): string {
  return call === undefined ? '' : ` [${call.id}]`
}

function brief(text: string): string {
  return text.length > MAX_LINE_TEXT ? `${text.slice(0, MAX_LINE_TEXT - 1)}…` : text
}

function show(detail: unknown): string {
  if (detail instanceof Error) return detail.stack ?? String(detail)
  return typeof detail === 'string'
    ? detail
    : inspect(detail, { depth: 4, compact: true, breakLength: Number.POSITIVE_INFINITY })
}

/** Lines on their way to stderr. */
let writing = 0
const lose = (): void => {}

/** A line that stderr does not take, because its reader has gone or its disk is full, is lost: no program ends by its log. */
function writeToStderr(line: string): void {
  const { stderr } = process
  if (writing++ === 0) stderr.on('error', lose)
  const written = (): void => {
    if (--writing === 0) stderr.off('error', lose)
  }
  // the error comes after the callback
  stderr.write(`${line}\n`, () => setImmediate(written))
}
