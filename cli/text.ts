/** Characters that a terminal may take for orders, and those that turn the direction of what follows. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|[\u{20000}-\u{3FFFD}]/u
const NO_WIDTH = /\p{M}|\p{Cf}/u

/** Characters at the end of a peer id that stand for it: enough to tell two apart. */
export const ID_CHARACTERS = 8

/** What others said, on one line and harmless to a terminal: a control character shows as its code. */
export function visible(text: string): string {
  return text.replaceAll(CONTROL, (letter) => `\\x${letter.codePointAt(0)!.toString(16).padStart(2, '0')}`)
}

export function shortId(id: string): string {
  return visible(id.slice(-ID_CHARACTERS))
}

/** Columns of a terminal that a visible text takes. */
export function widthOf(text: string): number {
  if (/^[\x20-\x7E]*$/.test(text)) return text.length
  let width = 0
  for (const letter of text) width += NO_WIDTH.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1
  return width
}

/** The beginning of a text that fits into so many columns, with an ellipsis when that is not all of it. */
export function fit(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let [kept, width] = ['', 0]
  for (const letter of text) {
    width += widthOf(letter)
    if (width > columns - 1) break
    kept += letter
  }
  return columns < 1 ? '' : `${kept}…`
}

const TIME_UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** A duration in its two largest units, such as `3 h 12 min`, or with a digit after the point below a minute. */
export function showMs(ms: number): string {
  if (!Number.isFinite(ms)) return '-'
  if (ms < 1) return `${Math.round(ms * 1_000)} µs`
  if (ms < 1_000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  const at = TIME_UNITS.findIndex(([, unit]) => ms >= unit)
  const [name, unit] = TIME_UNITS[at]!
  const [nextName, nextUnit] = TIME_UNITS[at + 1]!
  return `${Math.floor(ms / unit)} ${name} ${Math.floor((ms % unit) / nextUnit)} ${nextName}`
}

/** A size in the unit that leaves three digits before the point at most. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [value, at] = [bytes, 0]
  for (; value >= 1_000 && at < units.length - 1; at++) value /= 1_024
  return `${at === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[at]}`
}

/** Local time of day with milliseconds; with the date when it is another day. */
export function showTime(at: number, now = Date.now()): string {
  const pad = (value: number, digits = 2): string => String(value).padStart(digits, '0')
  const date = new Date(at)
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`
  if (new Date(now).toDateString() === date.toDateString()) return time
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`
}
