import type { Measure } from './measure.ts'
import { Pair, type PairName } from './pair.ts'

/** Pairs run from the first measure that needs them to the last one: a mesh that idles beside others costs those time. */
export class RunningPairs implements AsyncDisposable {
  readonly #names: readonly PairName[]
  readonly #env: Readonly<Record<string, string>>
  readonly #running = new Map<PairName, Pair>()

  constructor(names: readonly PairName[], env: Readonly<Record<string, string>>) {
    this.#names = names
    this.#env = env
  }

  async of(measure: Measure): Promise<Pair[]> {
    const players: Pair[] = []
    for (const name of this.#names.filter((one) => measure.pairs.includes(one))) {
      const pair = this.#running.get(name) ?? (await Pair.start(name, this.#env))
      this.#running.set(name, pair)
      players.push(pair)
    }
    return players
  }

  async keep(measures: readonly Measure[]): Promise<void> {
    for (const [name, pair] of this.#running) {
      if (measures.some((measure) => measure.pairs.includes(name))) continue
      this.#running.delete(name)
      await pair[Symbol.asyncDispose]()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.keep([])
  }
}
