import { expect, test } from 'vitest'
import { isTrace, MAX_TRACE_CHARACTERS } from '../../node/tracing.ts'

const PARENT = `00-${'0af7651916cd43dd8448eb211c80319c'}-${'b7ad6b7169203331'}-01`

test('a trace has MAX_TRACE_CHARACTERS at most', () => {
  const longest = `${PARENT} ${'s'.repeat(MAX_TRACE_CHARACTERS - PARENT.length - 1)}`
  expect([isTrace(PARENT), isTrace(longest), isTrace(`${longest}s`)]).toEqual([true, true, false])
})

test.each([
  ['another version', PARENT.replace(/^00/, '01')],
  ['no trace id', PARENT.replace(/-0af[^-]*/, `-${'0'.repeat(32)}`)],
  ['no span id', PARENT.replace(/-b7[^-]*/, `-${'0'.repeat(16)}`)],
  ['a line break', `${PARENT} a=b\n`],
  ['a number', 7],
])('what has %s is no trace', (_, value) => {
  expect(isTrace(value)).toBe(false)
})
