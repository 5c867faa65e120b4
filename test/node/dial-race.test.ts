import { expect, test } from 'vitest'
import { ATTEMPT_DELAY_MS, firstToAnswer } from '../../node/dial-race.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft()

const never = new AbortController().signal

/** Answers never, until it is aborted. */
async function silence(_: string, signal: AbortSignal): Promise<string> {
  return await new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
  )
}

test('the next address is tried ATTEMPT_DELAY_MS after one that says nothing, which is aborted', async () => {
  const began = performance.now()
  const aborted: string[] = []
  const first = await firstToAnswer(
    ['silent', 'quick'],
    async (target, signal) => {
      signal.addEventListener('abort', () => aborted.push(target))
      return target === 'quick' ? target : await silence(target, signal)
    },
    () => {},
    never,
  )
  expect(first).toBe('quick')
  expect(performance.now() - began).toBeGreaterThan(ATTEMPT_DELAY_MS - 10)
  expect(aborted).toEqual(['silent'])
})

test('the next address is tried at once when one fails, and all failures are told when none answers', async () => {
  const tried: string[] = []
  const race = firstToAnswer(
    ['a', 'b', 'c'],
    async (target) => {
      tried.push(target)
      return await Promise.reject(new Error(`${target} refuses`))
    },
    () => {},
    never,
  )
  const failure = await race.catch((error: unknown) => error as AggregateError)
  expect(tried).toEqual(['a', 'b', 'c'])
  expect((failure as AggregateError).errors.map(String)).toEqual([
    'Error: a refuses',
    'Error: b refuses',
    'Error: c refuses',
  ])
})

test('what answers although another one was first is given back', async () => {
  const late = Promise.withResolvers<string>()
  const given = Promise.withResolvers<string>()
  const first = await firstToAnswer(
    ['slow', 'quick'],
    async (target) => (target === 'quick' ? target : await late.promise),
    given.resolve,
    never,
  )
  late.resolve('slow')
  expect([first, await within('it is given back', given.promise)]).toEqual(['quick', 'slow'])
})

test('a race ends with its signal, and one without addresses at once', async () => {
  const ending = new AbortController()
  const race = firstToAnswer(['a', 'b'], silence, () => {}, ending.signal)
  ending.abort(new Error('enough'))
  await expect(within('its end', race)).rejects.toThrow('enough')
  await expect(
    within(
      'its end',
      firstToAnswer([], silence, () => {}, never),
    ),
  ).rejects.toThrow('no address')
})
