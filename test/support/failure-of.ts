import { expect } from 'vitest'
import { within } from './within.ts'

/** What a piece of work fails with; a failure of the test when it succeeds, or does not settle in time. */
export async function failureOf(work: Promise<unknown>, ms = 10_000): Promise<unknown> {
  return await within(
    'the failure',
    work.then(
      () => expect.unreachable('it should have failed'),
      (error: unknown) => error,
    ),
    ms,
  )
}
