import { expose, type ExposedModule, sleep } from '../../../index.ts'

/** Answers after a while that grows with the length of the line. */
export async function say(line: string): Promise<string> {
  await sleep(1 + (line.length % 7))
  return line.toUpperCase()
}

/** Forgets its words now and then. */
export async function recall(words: number): Promise<number> {
  await sleep(2)
  if (words % 9 === 0) throw new RangeError(`the line ${words} is forgotten`)
  return words
}

/** Lines without an end, as fast as they are taken. */
export async function* prompt(everyMs: number): AsyncGenerator<string> {
  for (let line = 1; ; line++) {
    await sleep(everyMs)
    yield `line ${line}`
  }
}

export const play: ExposedModule = expose(import.meta, { say, recall, prompt }, 'play')
