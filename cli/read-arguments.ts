import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { readValue } from './value.ts'

/** Bytes that are read from the standard input. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024

/** Arguments of a call, each as JSON; `-` takes one from the standard input. */
export async function readArguments(texts: readonly string[]): Promise<unknown[]> {
  const values: unknown[] = []
  if (texts.filter((text) => text === '-').length > 1)
    throw new CommandError('BAD_JSON', EXIT.usage, "the standard input is one argument: give '-' once")
  for (const [i, text] of texts.entries())
    values.push(readValue(text === '-' ? await readInput() : text, `argument ${i + 1}`))
  return values
}

async function readInput(): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    bytes += piece.byteLength
    if (bytes > MAX_INPUT_BYTES)
      throw new CommandError(
        'INPUT_TOO_LARGE',
        EXIT.usage,
        `the standard input is larger than ${MAX_INPUT_BYTES} bytes`,
      )
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
