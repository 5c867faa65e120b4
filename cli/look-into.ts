import { cancelScope } from '../index.ts'
import { chooseMesh, type MeshChoice } from './choose-mesh.ts'
import { type MeshSight, seeMesh } from './mesh-sight.ts'
import { openOutput, type Output } from './output.ts'

/** Milliseconds that a subcommand has to end what it has under way after SIGINT or SIGTERM. */
const SIGNAL_GRACE_MS = 1_800

const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
type EndingSignal = keyof typeof EXIT_CODES

export interface LookOptions extends MeshChoice {
  readonly json?: boolean
}

/**
 * Looks into a mesh: lets a function see it, print, and act. Ctrl-C, or the end of whoever reads what is printed, cancels
 * what it has under way, in other actors as well, before the command ends.
 *
 * @param look gives the exit code, 0 when it gives none
 * @param see gets into the mesh of that name
 */
export async function lookInto(
  options: LookOptions,
  look: (sight: MeshSight, output: Output) => Promise<number | void>,
  see: (mesh: string) => Promise<MeshSight> = seeMesh,
): Promise<number> {
  const output = openOutput(options.json === true)
  const mesh = chooseMesh(options)
  let code = 0
  await cancelScope(async (scope) => {
    output.unread.addEventListener('abort', () => scope.cancel('nobody reads what is printed'), { once: true })
    const release = onSignal((signal) => {
      code = EXIT_CODES[signal]
      scope.cancel(`${signal} was received`)
    })
    try {
      await using sight = await see(mesh)
      const result = await look(sight, output)
      if (code === 0) code = result ?? 0
    } finally {
      release()
    }
  })
  return code
}

function onSignal(end: (signal: EndingSignal) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const listener = (signal: NodeJS.Signals): void => {
    const known = signal as EndingSignal
    if (timer !== undefined) process.exit(EXIT_CODES[known])
    timer = setTimeout(() => process.exit(EXIT_CODES[known]), SIGNAL_GRACE_MS)
    end(known)
  }
  for (const signal of Object.keys(EXIT_CODES) as EndingSignal[]) process.on(signal, listener)
  return () => {
    clearTimeout(timer)
    for (const signal of Object.keys(EXIT_CODES) as EndingSignal[]) process.off(signal, listener)
  }
}
