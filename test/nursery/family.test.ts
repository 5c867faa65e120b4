import { describe, expect, test } from 'vitest'
import { ActorDied, Cancelled, InvalidArgument, LimitExceeded, RemoteActorError } from '../../index.ts'
import { CancelScope } from '../../node/cancel-scope.ts'
import { Family, MAX_CHILDREN } from '../../nursery/family.ts'

function family(): { scope: CancelScope; family: Family } {
  const scope = new CancelScope()
  return { scope, family: new Family('root', scope) }
}

const actor = { name: 'donny', id: '12D3KooWQxabcdefgh' }

describe('whom a nursery waits for', () => {
  test('is bounded, and each end makes room', async () => {
    const { family: all } = family()
    const first = Promise.withResolvers<void>()
    all.adopt(first.promise)
    for (let i = 1; i < MAX_CHILDREN; i++) all.adopt(new Promise(() => {}))
    expect(() => all.assertOpen()).toThrow(LimitExceeded)
    first.resolve()
    await first.promise
    await Promise.resolve()
    await Promise.resolve()
    all.assertOpen()
  })

  test('are those that were adopted while it waits as well, and nobody after that', async () => {
    const { family: all } = family()
    const seen: string[] = []
    all.adopt(
      Promise.resolve().then(() => {
        seen.push('one')
        all.adopt(Promise.resolve().then(() => seen.push('two')))
      }),
    )
    await all.gone()
    expect(seen).toEqual(['one', 'two'])
    expect(() => all.assertOpen()).toThrow(InvalidArgument)
  })
})

describe('failures', () => {
  test('the first one cancels, and the same one counts once however often it comes', () => {
    const { family: all, scope } = family()
    const failure = new RangeError('once')
    all.fail(failure)
    all.fail(failure, 'the block')
    expect(scope.reason?.why).toContain('RangeError: once')
    expect(() => all.throwFailures()).toThrow(failure)
  })

  test('what is thrown may be nothing at all', () => {
    const { family: all } = family()
    all.fail(undefined)
    let thrown: unknown = 'nothing was thrown'
    try {
      all.throwFailures()
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeUndefined()
  })

  test('echoes of the cancel are none, whichever way they come', () => {
    const { family: all, scope } = family()
    scope.cancel('enough')
    all.ended(actor.id)
    const { by, why } = scope.reason!
    const echoes = [
      scope.reason,
      new DOMException('aborted', 'AbortError'),
      new ActorDied(actor, 'its process has ended'),
      new RemoteActorError(actor, ['donny'], new Cancelled(by, why), ''),
    ]
    expect(echoes.map((echo) => all.isEcho(echo))).toEqual([true, false, true, true])
    expect(all.isEcho(new ActorDied({ name: 'another', id: 'elsewhere' }, 'it was killed'))).toBe(false)
    expect(all.isEcho(new Cancelled('somebody else', why))).toBe(false)
  })
})
