import { describeFailure } from './command-error.ts'
import { moveOnAfter } from '../index.ts'

/** Actors that are asked at the same time. */
export const MAX_ASKED_AT_ONCE = 64
/** Milliseconds that each of them has to answer, unless `--timeout` says otherwise. */
export const ANSWER_MS = 1_000

export type Answer<T> =
  | { readonly value: T; readonly silent?: undefined }
  | { readonly value?: undefined; readonly silent: string }

/** Asks each for something, some at a time; who does not answer in time keeps nobody else from it. */
export async function askAll<Asked, T>(
  asked: readonly Asked[],
  ask: (one: Asked) => Promise<T>,
  timeoutMs = ANSWER_MS,
): Promise<Answer<T>[]> {
  const answers: Answer<T>[] = []
  let next = 0
  const work = async (): Promise<void> => {
    for (let i = next++; i < asked.length; i = next++)
      answers[i] = await askOne(async () => await ask(asked[i]!), timeoutMs)
  }
  await Promise.all(Array.from({ length: Math.min(MAX_ASKED_AT_ONCE, asked.length) }, work))
  return answers
}

async function askOne<T>(ask: () => Promise<T>, timeoutMs: number): Promise<Answer<T>> {
  try {
    const { cancelled, value } = await moveOnAfter(timeoutMs, ask)
    return cancelled ? { silent: `no answer within ${timeoutMs} ms` } : { value: value as T }
  } catch (error) {
    return { silent: describeFailure(error) }
  }
}
