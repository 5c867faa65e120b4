import { describe, expect, test } from 'vitest'
import { InvalidArgument, LimitExceeded, sleep } from '../../index.ts'
import { ExitHandlers, MAX_EXIT_HANDLERS } from '../../node/exit-handlers.ts'
import { redirectLogs } from '../../node/log.ts'
import { deadline } from '../support/headroom.ts'

describe('what is registered to be released', () => {
  test('is released once, the last one first, each after the one before has ended', async () => {
    const exits = new ExitHandlers()
    const log: string[] = []
    for (const name of ['a', 'b', 'c'])
      exits.add(async () => {
        await sleep(name === 'c' ? 20 : 1)
        log.push(name)
      })
    await Promise.all([exits.run(1_000), exits.run(1_000)])
    expect(log).toEqual(['c', 'b', 'a'])
  })

  test('can be taken back, each registration for itself', async () => {
    const exits = new ExitHandlers()
    let calls = 0
    const release = (): void => void calls++
    const undo = exits.add(release)
    exits.add(release)
    undo()
    undo()
    await exits.run(1_000)
    expect(calls).toBe(1)
  })

  test('does not keep the others from being released when it fails, and is logged', async () => {
    const lines: string[] = []
    const undo = redirectLogs((line) => void lines.push(line))
    const exits = new ExitHandlers()
    let released = false
    exits.add(() => void (released = true))
    exits.add(() => {
      throw new RangeError('stuck lid')
    })
    await exits.run(1_000)
    undo()
    expect(released).toBe(true)
    expect(lines.join()).toContain('stuck lid')
  })

  test('has a bound in time, after which the others are released all the same', async () => {
    const exits = new ExitHandlers()
    const log: string[] = []
    exits.add(() => void log.push('released'))
    exits.add(() => new Promise(() => {}))
    exits.add(async () => await sleep(600_000).catch((error: Error) => log.push(error.message)))
    const started = performance.now()
    await exits.run(50)
    expect(performance.now() - started).toBeLessThan(deadline(500))
    expect(log.toSorted()).toEqual([
      'cancelled by this process: the 50 ms for releasing what was registered with onExit were over',
      'released',
    ])
  })

  test('is a function, comes in time, and is bounded in number', async () => {
    const exits = new ExitHandlers()
    expect(() => exits.add('release' as never)).toThrow(InvalidArgument)
    const undos = Array.from({ length: MAX_EXIT_HANDLERS }, () => exits.add(() => {}))
    expect(() => exits.add(() => {})).toThrow(LimitExceeded)
    undos[0]!()
    exits.add(() => {})
    await exits.run(1_000)
    expect(() => exits.add(() => {})).toThrow('onExit comes too late')
  })
})
