import { startProgram } from '../../support/program.ts'

const command = new URL('../../../cli/index.ts', import.meta.url)

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the command to its end. */
export async function greenroom(...args: string[]): Promise<Ran> {
  return await greenroomWith({}, ...args)
}

export async function greenroomWith(env: Record<string, string | undefined>, ...args: string[]): Promise<Ran> {
  const program = await startProgram(command, { args, env })
  const { code } = await program.waitForExit(20_000)
  return { code, stdout: program.stdout.join('\n'), stderr: program.stderr.join('\n') }
}

/** Starts it, to be watched and interrupted. */
export const startGreenroom = async (...args: string[]): ReturnType<typeof startProgram> =>
  await startProgram(command, { args })
