import { CommanderError } from 'commander'
import { describeFailure, exitCodeOf, reportOf } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { greenroomCommand } from './program.ts'

/** Runs the command; gives its exit code. @param args what follows its name */
export async function main(args: readonly string[]): Promise<number> {
  let code: number = EXIT.done
  const program = greenroomCommand((perform) => async (...given) => {
    code = (await perform(...given)) ?? EXIT.done
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
    if (wantsJson(args)) console.error(JSON.stringify(reportOf(error)))
    else console.error(`greenroom: ${describeFailure(error)}`)
    return exitCodeOf(error)
  }
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end < 0 ? args.length : end).includes('--json')
}
