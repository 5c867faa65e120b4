import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'

/** Bytes that are read from the standard input. */
export const MAX_INPUT_BYTES = 64 * 1024 * 1024
/** Bytes of a line that is read from it, such as an invitation. */
export const MAX_INPUT_LINE_BYTES = 64 * 1024

/** All of the standard input. @throws CommandError `INPUT_TOO_LARGE` */
export async function readInput(): Promise<string> {
  return await readUntil(() => false, MAX_INPUT_BYTES)
}

/**
 * Its first line that is not empty, or nothing when there is none. Whoever types or pastes it need not end the input, and a
 * program that writes it need not end.
 *
 * @throws CommandError `INPUT_TOO_LARGE`
 */
export async function readInputLine(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('the line, and then the enter key: ')
  const text = await readUntil((so) => /\S.*\n/.test(so), MAX_INPUT_LINE_BYTES)
  return text.trim().split(/\r?\n/)[0] ?? ''
}

async function readUntil(isEnough: (text: string) => boolean, most: number): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  // to leave the loop lets go of the input, so that whoever holds its other end does not hold the command
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    bytes += piece.byteLength
    if (bytes > most)
      throw new CommandError('INPUT_TOO_LARGE', EXIT.usage, `the standard input is larger than ${most} bytes`)
    pieces.push(piece)
    if (piece.includes('\n') && isEnough(Buffer.concat(pieces).toString('utf8'))) break
  }
  return Buffer.concat(pieces).toString('utf8')
}
