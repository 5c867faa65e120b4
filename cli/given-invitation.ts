import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { readInputLine } from './read-input.ts'

/** What an invitation begins with. */
const BEGIN = 'greenroom:'

/**
 * An invitation as it was given: itself, or `-` for the first line of the standard input. One that is on the command line is not
 * shown by process lists any more from then on, as far as the system allows that.
 *
 * @throws CommandError `BAD_INVITATION` when the standard input has none
 */
export async function givenInvitation(given: string): Promise<string> {
  if (given !== '-') {
    process.title = withoutInvitations(process.argv).join(' ')
    return given
  }
  const line = await readInputLine()
  if (line !== '') return line
  throw new CommandError(
    'BAD_INVITATION',
    EXIT.failed,
    "there is no invitation on the standard input: pipe what 'greenroom invite' prints, or type it",
  )
}

/** The words of a command line with `-` in the place of each invitation. */
export function withoutInvitations(words: readonly string[]): string[] {
  return words.map((word) => {
    const at = word.indexOf(BEGIN)
    return at < 0 ? word : `${word.slice(0, at)}-`
  })
}
