import { type WriteStream } from 'node:tty'
import { CommandError } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'
import { lookInto } from '../look-into.ts'
import type { MeshChoice } from '../choose-mesh.ts'
import { seeMesh } from '../mesh-sight.ts'

/** Milliseconds between two looks at the mesh, unless told otherwise. */
export const WATCH_INTERVAL_MS = 1_000
/** The least of them: what looking costs the mesh is bounded. */
export const MIN_WATCH_INTERVAL_MS = 250

export interface WatchOptions extends MeshChoice {
  readonly interval?: number
  readonly demo?: boolean
}

/** Shows a mesh on the whole terminal until somebody quits; gives the exit code. */
export async function watch(options: WatchOptions): Promise<number> {
  const { interval = WATCH_INTERVAL_MS, demo = false } = options
  checkTerminal()
  if (interval < MIN_WATCH_INTERVAL_MS)
    throw new CommandError(
      'TOO_OFTEN',
      EXIT.usage,
      `--interval is ${MIN_WATCH_INTERVAL_MS} ms at least, got ${interval} ms`,
    )
  const see = demo ? async () => await (await import('../watch/demo/see-demo.ts')).seeDemo() : seeMesh
  const code = await lookInto(
    options,
    async (sight) => {
      // React has more to say to its developers otherwise
      process.env['NODE_ENV'] ??= 'production'
      const { runScreen } = await import('../watch/run-screen.ts')
      await runScreen(sight, interval, { coloured: isColoured(), showErrors: !demo })
    },
    see,
  )
  // a mesh of this process alone has nobody to say goodbye to
  if (demo) process.exit(code)
  return code
}

/** @throws CommandError when no screen can be drawn here */
function checkTerminal(): void {
  const instead = "'greenroom top --follow' and 'greenroom events --follow' print lines"
  if (!process.stdout.isTTY || !process.stdin.isTTY)
    throw new CommandError(
      'NO_TERMINAL',
      EXIT.usage,
      `watch needs a terminal to draw on and to read keys from: ${instead}`,
    )
  if (process.env['TERM'] === 'dumb' || process.env['TERM'] === '')
    throw new CommandError('DUMB_TERMINAL', EXIT.usage, `this terminal cannot move its cursor (TERM=dumb): ${instead}`)
}

function isColoured(): boolean {
  return (process.stdout as WriteStream).getColorDepth() > 1 && !process.env['NO_COLOR']
}
