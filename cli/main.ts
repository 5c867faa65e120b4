import { CommanderError } from 'commander'
import { describeFailure, exitCodeOf, reportOf } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { watchReader } from './output.ts'
import { greenroomCommand } from './program.ts'

/** Runs the command; gives its exit code. @param args what follows its name */
export async function main(args: readonly string[]): Promise<number> {
  // whoever reads may leave at any time, as head does
  watchReader()
  if (args[0] === 'complete' && args[1] === '--') return await answerShell(args.slice(2))
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

/** What a shell asks for at the Tab key; ends without waiting for a mesh that does not answer. */
async function answerShell(words: readonly string[]): Promise<never> {
  try {
    const { complete } = await import('./commands/completion.ts')
    await complete(words)
  } catch {
    // a shell that completes is told nothing
  }
  await new Promise((resolve) => process.stdout.write('', resolve))
  process.exit(EXIT.done)
}
