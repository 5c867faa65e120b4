import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { readInput } from './read-input.ts'
import { readValue } from './value.ts'

/** Arguments of a call, each as JSON; `-` takes one from the standard input. */
export async function readArguments(texts: readonly string[]): Promise<unknown[]> {
  const values: unknown[] = []
  if (texts.filter((text) => text === '-').length > 1)
    throw new CommandError('BAD_JSON', EXIT.usage, "the standard input is one argument: give '-' once")
  for (const [i, text] of texts.entries())
    values.push(readValue(text === '-' ? await readInput() : text, `argument ${i + 1}`))
  return values
}
