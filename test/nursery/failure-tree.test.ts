import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { RemoteActorError } from '../../index.ts'
import { type Failure, failureTree, MAX_TREE_CAUSES, MAX_TREE_LINES } from '../../nursery/failure-tree.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { startProgram } from '../support/program.ts'

const from = (name: string, path: string[], cause: unknown): RemoteActorError =>
  new RemoteActorError({ name, id: `12D3KooW${name.padEnd(8, 'x')}` }, path, cause, '')
const tree = (...errors: unknown[]): string =>
  failureTree(
    'root',
    errors.map((error): Failure => ({ error })),
  )

describe('the text of several failures', () => {
  test('is a tree with the names of the actors and the ways that the errors came', () => {
    const below = new AggregateError(
      [],
      failureTree('middle', [
        { error: from('b1', ['b1'], new RangeError('one')) },
        { error: new TypeError('two'), by: 'the block' },
      ]),
    )
    const text = failureTree('root', [
      { error: from('middle', ['middle'], below) },
      { error: from('far', ['far', 'between', 'near'], new Error('three')) },
      { error: new Error('four', { cause: new RangeError('five') }), by: 'task watch' },
    ])
    expect(text).toBe(
      [
        '3 failures in a nursery of root:',
        '├─ middle (middlexx) raised AggregateError: 2 failures in a nursery of middle:',
        '│  ├─ b1 (b1xxxxxx) raised RangeError: one',
        '│  └─ the block: TypeError: two',
        '├─ far (farxxxxx) (by way of between, near) raised Error: three',
        '└─ task watch: Error: four',
        '   caused by RangeError: five',
      ].join('\n'),
    )
  })

  test('shows both errors of a resource whose end failed after its block', () => {
    expect(tree(new SuppressedError(new TypeError('closing'), new RangeError('block'), 'both'), 1)).toBe(
      [
        '2 failures in a nursery of root:',
        '├─ SuppressedError: both',
        '│  raised TypeError: closing',
        '│  while ending after RangeError: block',
        '└─ 1',
      ].join('\n'),
    )
  })

  test('is bounded in lines and in causes, and shows what has no words', () => {
    const many = tree(...Array.from({ length: 5_000 }, (_, i) => new Error(`number ${i}`)))
    expect(many.split('\n').length).toBe(MAX_TREE_LINES)
    expect(many).toContain(`└─ … and ${5_000 - MAX_TREE_LINES + 2} more of 5000`)
    const circle: Error = new Error('round')
    circle.cause = new Error('and', { cause: circle })
    expect(tree(circle, Object.create(null)).split('\n').length).toBeLessThanOrEqual(MAX_TREE_CAUSES + 3)
    expect(tree(circle, Object.create(null))).toContain('a value that cannot be shown')
  })
})

describe('a program that ends with several failures', () => {
  expectNothingLeft()

  test('prints the tree, as console.error does', async () => {
    const program = await startProgram(new URL('./fixtures/failures.ts', import.meta.url))
    expect(await program.waitForExit(20_000)).toMatchObject({ code: 1 })
    const printed = program.stderr.join('\n').replaceAll(/\(\w{8}\)/g, '(id)')
    const expected = [
      'AggregateError: 2 failures in a nursery of root:',
      '├─ middle (id) raised AggregateError: 2 failures in a nursery of middle:',
      '│  ├─ below 2 (id) raised RangeError: two',
      '│  └─ below 1 (id) raised RangeError: one',
      '└─ task watchTheHouse: TypeError: the house is empty',
    ].join('\n')
    expect(printed).toContain(expected)
    // the stacks of all of them follow
    expect(printed).toContain('failBelow')
    expect(printed).toContain('failures.ts')
    expect(inspect(new AggregateError([new RangeError('one')], '1\n└─ RangeError: one'))).toMatch(
      /└─ RangeError: one\n/,
    )
  })
})
