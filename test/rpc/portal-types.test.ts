import { Readable } from 'node:stream'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { ContextStream } from '../../rpc/context.ts'
import { type FanOut, fanOut, type Subscription } from '../../rpc/fan-out.ts'
import type { Portal } from '../../rpc/portal.ts'
import type { RemoteContext } from '../../rpc/remote-context.ts'
import type { RemoteStream } from '../../rpc/remote-stream.ts'
import { cancelReader, relay, sum, upper } from './fixtures/listeners.ts'
import { add, addLater, choir, count, doubler, nothing, raise, secondArgument, ticker } from './fixtures/stage.ts'

// These are checked by tsc: what is marked as an error has to be one. Nothing of it runs.
const portal = undefined as unknown as Portal
const never = (): boolean => false

describe('a call has the types of the function itself', () => {
  test('its result', () => {
    if (never()) {
      expectTypeOf(portal.run(add, 1, 2)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(portal.run(addLater, 1, 2)).toEqualTypeOf<Promise<number>>()
      expectTypeOf(portal.run(nothing)).toEqualTypeOf<Promise<void>>()
      expectTypeOf(portal.run(raise, 'range')).toEqualTypeOf<Promise<never>>()
      expectTypeOf(portal.run(count, 1)).toEqualTypeOf<RemoteStream<number>>()
      expectTypeOf(portal.with({ timeout: 1 }).run(count, 1)).toEqualTypeOf<RemoteStream<number>>()
    }
    expect(portal).toBeUndefined()
  })

  test('its arguments', () => {
    if (never()) {
      void portal.run(secondArgument)
      void portal.run(secondArgument, 1, 'two')
      // @ts-expect-error a string is no number
      void portal.run(add, 1, 'two')
      // @ts-expect-error an argument is missing
      void portal.run(add, 1)
      // @ts-expect-error one argument too many
      void portal.run(add, 1, 2, 3)
      // @ts-expect-error a stream is checked as well
      void portal.run(count, 'ten')
      // @ts-expect-error what is no function cannot be called
      void portal.run('stage#add', 1, 2)
    }
    expect(portal).toBeUndefined()
  })

  test('a stream is no promise of a value, and a value is no stream', () => {
    if (never()) {
      // @ts-expect-error a promise is not iterated
      for (const _ of portal.run(add, 1, 2));
      // @ts-expect-error the items are numbers
      const items: AsyncIterable<string> = portal.run(count, 1)
      void items
    }
    expect(portal).toBeUndefined()
  })
})

describe('an argument that is an async iterable', () => {
  test('takes whatever streams its items', () => {
    if (never()) {
      const words = undefined as unknown as AsyncGenerator<string>
      const readable = undefined as unknown as ReadableStream<string>
      expectTypeOf(portal.run(upper, words)).toEqualTypeOf<RemoteStream<string>>()
      expectTypeOf(portal.run(upper, readable)).toEqualTypeOf<RemoteStream<string>>()
      expectTypeOf(portal.run(upper, portal.run(upper, words))).toEqualTypeOf<RemoteStream<string>>()
      expectTypeOf(portal.run(sum, portal.run(count, 3))).toEqualTypeOf<Promise<number>>()
      expectTypeOf(portal.run(sum, Readable.from([1, 2]))).toEqualTypeOf<Promise<number>>()
      expectTypeOf(portal.openContext(relay, words)).resolves.toEqualTypeOf<
        RemoteContext<number, string, unknown, number>
      >()
    }
    expect(portal).toBeUndefined()
  })

  test('is checked by its items, and is no list', () => {
    if (never()) {
      const words = undefined as unknown as AsyncIterable<string>
      // @ts-expect-error the items are strings
      void portal.run(sum, words)
      // @ts-expect-error a list does not stream
      void portal.run(upper, ['a', 'b'])
      // @ts-expect-error an iterable is no ReadableStream
      void portal.run(cancelReader, portal.run(count, 3))
    }
    expect(portal).toBeUndefined()
  })
})

test('what shares a stream has the type of its items', () => {
  if (never()) {
    expectTypeOf(portal.run(count, 1).subscribe()).toEqualTypeOf<Subscription<number>>()
    expectTypeOf(fanOut(portal.run(count, 1), { buffer: 2 })).toEqualTypeOf<FanOut<number>>()
    expectTypeOf(fanOut(portal.run(count, 1)).subscribe({ onLag: 'wait' })[Symbol.asyncIterator]()).toEqualTypeOf<
      Subscription<number>
    >()
    // @ts-expect-error a promise is no stream
    fanOut(portal.run(add, 1, 2))
    // @ts-expect-error items are never skipped in silence
    fanOut(portal.run(count, 1)).subscribe({ onLag: 'skip' })
  }
  expect(portal).toBeUndefined()
})

describe('a context has the types of its function, seen from the other side', () => {
  test('what one side sends the other one receives', () => {
    if (never()) {
      expectTypeOf(portal.openContext(ticker, 3)).resolves.toEqualTypeOf<RemoteContext<never, number, string, string>>()
      expectTypeOf<RemoteContext<never, number, string, string>['started']>().toEqualTypeOf<string>()
      expectTypeOf(portal.openContext(doubler))
        .resolves.toHaveProperty('stream')
        .returns.toEqualTypeOf<ContextStream<number, number>>()
    }
    expect(portal).toBeUndefined()
  })

  test('its arguments after the context', () => {
    if (never()) {
      // @ts-expect-error an argument is missing
      void portal.openContext(ticker)
      // @ts-expect-error a string is no number
      void portal.openContext(choir, 'ten')
      // @ts-expect-error a function that takes no context opens none
      void portal.openContext(add, 1)
    }
    expect(portal).toBeUndefined()
  })
})
