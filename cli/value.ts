import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'

/** Levels of a printed value; what lies deeper is an error rather than a stack overflow. */
export const MAX_VALUE_DEPTH = 200

/**
 * What a function of an actor takes, read from an argument of the command.
 *
 * @throws CommandError `BAD_JSON` that shows how a text is written
 */
export function readValue(text: string, what: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    const shown = text.length > 60 ? `${text.slice(0, 60)}…` : text
    throw new CommandError(
      'BAD_JSON',
      EXIT.usage,
      `${what} is no JSON: ${shown}\na text is given with its quotes, as in '${JSON.stringify(shown)}'`,
    )
  }
}

/**
 * A value as JSON has it: dates and big integers become texts, bytes base64, maps arrays of pairs, sets arrays, errors
 * their name, message and code, numbers that JSON lacks their names, undefined null.
 *
 * @throws CommandError `NO_JSON` when it contains itself or is nested deeper than 200 levels
 */
export function toJson(value: unknown, depth = 0): unknown {
  if (depth > MAX_VALUE_DEPTH)
    throw new CommandError(
      'NO_JSON',
      EXIT.failed,
      `the value contains itself, or is nested more than ${MAX_VALUE_DEPTH} levels deep: JSON has no such values; leave --json out`,
    )
  const inner = (part: unknown): unknown => toJson(part, depth + 1)
  switch (typeof value) {
    case 'bigint':
      return String(value)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      break
    case 'string':
    case 'boolean':
      return value
    default:
      return null
  }
  if (value === null) return null
  if (Array.isArray(value)) return value.map(inner)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof Map) return [...value].map(inner)
  if (value instanceof Set) return [...value].map(inner)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64')
  if (value instanceof RegExp || value instanceof URL) return String(value)
  if (value instanceof Error) {
    const { name, message, cause } = value
    const { code } = value as { code?: unknown }
    return {
      name,
      message,
      ...(code === undefined ? {} : { code: inner(code) }),
      ...(cause === undefined ? {} : { cause: inner(cause) }),
    }
  }
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, inner(part)]))
}
