import { expect, test } from 'vitest'
import { joinMesh, moveOnAfter, openNursery, shield, sleep } from '../../index.ts'
import { pick, type Rng, seeded, wholeBetween } from '../simulator/rng.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft()

const forever = 600_000
const endings = ['return', 'fail', 'never'] as const
const answers = ['obey', 'fail', 'swallow', 'clean up'] as const

/** What a task, or the block of a nursery, does. */
interface Part {
  readonly name: string
  readonly afterMs: number
  readonly ending: (typeof endings)[number]
  /** To a cancel. */
  readonly answer: (typeof answers)[number]
}

interface Scene extends Part {
  readonly tasks: readonly (Part | Scene)[]
  /** The block calls `cancel()` before its own end. */
  readonly cancels: boolean
  /** Of a scope around the nursery. */
  readonly deadlineMs: number | undefined
}

function randomScene(rng: Rng, name: string, depth: number): Scene {
  const part = (of: string): Part => ({
    name: of,
    afterMs: wholeBetween(rng, 0, 11),
    ending: pick(rng, endings)!,
    answer: pick(rng, answers)!,
  })
  return {
    ...part(name),
    tasks: Array.from({ length: wholeBetween(rng, 0, 3) }, (_, i) =>
      depth > 0 && rng() < 0.5 ? randomScene(rng, `${name}.${i}`, depth - 1) : part(`${name}.${i}`),
    ),
    cancels: rng() < 0.3,
    deadlineMs: rng() < 0.3 ? wholeBetween(rng, 0, 19) : undefined,
  }
}

/** Plays scenes; knows who is on stage and what was raised. */
class Theatre {
  readonly raised: Error[] = []
  onStage = 0

  async play(scene: Scene): Promise<void> {
    const perform = async (): Promise<void> =>
      await openNursery(async (nursery) => {
        for (const task of scene.tasks)
          nursery.start(async () => await ('tasks' in task ? this.play(task) : this.act(task)))
        if (scene.cancels) {
          await sleep(scene.afterMs)
          nursery.cancel()
        }
        await this.act(scene)
      })
    if (scene.deadlineMs === undefined) await perform()
    else await moveOnAfter(scene.deadlineMs, perform)
  }

  async act({ name, afterMs, ending, answer }: Part): Promise<void> {
    this.onStage += 1
    try {
      await sleep(ending === 'never' ? forever : afterMs)
    } catch (reason) {
      if (answer === 'fail') this.#raise(`${name} in answer`)
      if (answer === 'swallow') return
      if (answer === 'clean up') await shield(1_000, async () => await sleep(3))
      throw reason
    } finally {
      this.onStage -= 1
    }
    if (ending === 'fail') this.#raise(name)
  }

  #raise(what: string): never {
    const error = new Error(what)
    this.raised.push(error)
    throw error
  }
}

function leavesOf(error: unknown): unknown[] {
  return error instanceof AggregateError ? error.errors.flatMap(leavesOf) : [error]
}

test('in any tree of nurseries each failure arrives, once and alone, and nobody is on stage any more: 400 seeds', async () => {
  await using _mesh = await joinMesh({ name: 'theatre' })
  let failures = 0
  const seeds = Array.from({ length: 400 }, (_, i) => i + 1)
  await Promise.all(
    seeds.map(async (seed) => {
      const theatre = new Theatre()
      // somebody has to end what would never end
      const scene: Scene = { ...randomScene(seeded(seed), `${seed}`, 3), deadlineMs: 40 }
      const error: unknown = await within(
        `seed ${seed}`,
        theatre.play(scene).then(
          () => undefined,
          (thrown: unknown) => thrown,
        ),
      )
      expect([seed, theatre.onStage]).toEqual([seed, 0])
      const arrived = error === undefined ? [] : leavesOf(error)
      expect([seed, new Set(arrived)]).toEqual([seed, new Set(theatre.raised)])
      expect([seed, arrived.length]).toEqual([seed, theatre.raised.length])
      failures += arrived.length
    }),
  )
  expect(failures).toBeGreaterThan(seeds.length)
})
