import { expect, expectTypeOf, test } from 'vitest'
import {
  type ActorInfo,
  broadcast,
  type BroadcastOutcome,
  findActor,
  findActors,
  members,
  type Nursery,
  type Portal,
  waitForActor,
  watchActors,
  watchMembers,
} from '../../index.ts'
import { add, addLater, count, echo, raise, stage } from '../rpc/fixtures/stage.ts'

// These are checked by tsc: what is marked as an error has to be one. Nothing of it runs.
const never = (): boolean => false
const nursery = undefined as unknown as Nursery

test('look-ups take a name, conditions or both', () => {
  if (never()) {
    expectTypeOf(findActors('a', { where: { tags: ['x'], modules: [stage, 'film'] } })).toEqualTypeOf<Portal[]>()
    expectTypeOf(findActors({ where: ({ tags }) => tags.includes('x') })).toEqualTypeOf<Portal[]>()
    expectTypeOf(findActor({ where: { root: findActors()[0]! } })).toEqualTypeOf<Promise<Portal | undefined>>()
    watchActors({
      where: (actor) => {
        expectTypeOf(actor).toEqualTypeOf<ActorInfo>()
        return true
      },
    })
    // @ts-expect-error tags are a list
    findActors({ where: { tags: 'x' } })
    // @ts-expect-error there is no such condition
    findActors({ where: { tag: ['x'] } })
    // @ts-expect-error a function says yes or no
    watchActors({ where: ({ name }) => name })
    // @ts-expect-error one actor is looked up by something
    void waitForActor()
    // @ts-expect-error a group has a name
    members()
    // @ts-expect-error a name is a string
    watchMembers(7)
  }
  expect(nursery).toBeUndefined()
})

test('a broadcast has the types of its function', () => {
  if (never()) {
    expectTypeOf(broadcast('a', add, 1, 2)).toEqualTypeOf<Promise<BroadcastOutcome<number>[]>>()
    expectTypeOf(broadcast({ group: 'g', timeout: 5 }, addLater, 1, 2)).toEqualTypeOf<
      Promise<BroadcastOutcome<number>[]>
    >()
    expectTypeOf(broadcast({ where: {} }, raise, 'range')).toEqualTypeOf<Promise<BroadcastOutcome<never>[]>>()
    void broadcast('a', echo, { any: 'thing' })
    // @ts-expect-error a string is no number
    void broadcast('a', add, 1, 'two')
    // @ts-expect-error an argument is missing
    void broadcast('a', add, 1)
    // @ts-expect-error a stream gives no one value
    void broadcast('a', count, 1)
    // @ts-expect-error it is for a group, not for groups
    void broadcast({ groups: ['g'] }, add, 1, 2)
    // @ts-expect-error a function is called, not its name
    void broadcast('a', 'stage#add', 1, 2)
  }
  expect(nursery).toBeUndefined()
})

test('what is said of an actor is checked where it is started', () => {
  if (never()) {
    void nursery.startActor('a', { tags: ['x'], groups: ['g'], version: '1' })
    void nursery.runInActor({ name: 'a', tags: ['x'] }, add, 1, 2)
    // @ts-expect-error tags are a list
    void nursery.startActor('a', { tags: 'x' })
    // @ts-expect-error a version is text
    void nursery.startActor('a', { version: 1 })
    // @ts-expect-error a one-shot has a name
    void nursery.runInActor({ tags: ['x'] }, add, 1, 2)
    // @ts-expect-error the arguments are those of the function
    void nursery.runInActor({ name: 'a' }, add, 1)
  }
  expect(nursery).toBeUndefined()
})
