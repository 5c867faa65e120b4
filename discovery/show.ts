/** A few characters of a value that came from a peer, for the message of an error that refuses it. */
export function show(value: unknown): string {
  if (typeof value === 'string') return `'${value.slice(0, 64)}'`
  return typeof value === 'number' ? String(value) : typeof value
}
