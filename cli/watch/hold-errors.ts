/** Pieces of the standard error that are held back; the oldest gives way. */
const MAX_HELD = 200

/** Keeps what is written on the standard error off the screen; gives the function that lets all of it out, or the latest of it. */
export function holdErrors(): (show: boolean) => void {
  const { stderr } = process
  if (!stderr.isTTY) return () => {}
  const held: (string | Uint8Array)[] = []
  const write = stderr.write.bind(stderr)
  stderr.write = (piece: string | Uint8Array, ...rest: unknown[]): boolean => {
    held.push(piece)
    if (held.length > MAX_HELD) held.shift()
    const done = rest.at(-1)
    if (typeof done === 'function') queueMicrotask(() => void done())
    return true
  }
  return (show) => {
    stderr.write = write
    if (show) for (const piece of held.splice(0)) write(piece)
  }
}
