import { setLogLevel } from '../node/log.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import type { ChildMessage, Question } from './boot-message.ts'
import { serveBuiltins } from './builtins.ts'
import { boundsBelow, describeActor } from './describe-tree.ts'
import { PassingUp } from './passing-up.ts'

/** What an actor that is up answers: members, and its parent over the private channel. */
export class Answering {
  readonly #runtime: ActorRuntime
  readonly #tell: (message: ChildMessage) => void
  readonly #passing: PassingUp

  /** @param tell over the private channel */
  constructor(runtime: ActorRuntime, tell: (message: ChildMessage) => void) {
    this.#runtime = runtime
    this.#tell = tell
    this.#passing = new PassingUp(runtime.observation, (items) => tell({ type: 'observed', items }))
    serveBuiltins(runtime)
  }

  /** Does what the parent asks; those below have a smaller share of the time. */
  async ask(message: Question): Promise<void> {
    const { observation, children } = this.#runtime
    switch (message.type) {
      case 'describe': {
        const tree = await describeActor(this.#runtime, boundsBelow(message.bounds))
        return this.#tell({ type: 'described', request: message.request, tree })
      }
      case 'recall': {
        const items = await observation.recall(message.bounds)
        // what was passed up before is older
        this.#passing.flush()
        return this.#tell({ type: 'recalled', request: message.request, items })
      }
      case 'observe':
        this.#passing.wish(message.wish)
        return this.#tell({ type: 'heard', what: 'observe' })
      case 'taken':
        return this.#passing.taken()
      case 'logLevel':
        setLogLevel(message.level, message.forMs)
        children.setLogLevel(message.level, message.forMs)
        return this.#tell({ type: 'heard', what: 'logLevel' })
    }
  }

  /** The actor is about to end: what it has to tell, it tells now. */
  flush(): void {
    this.#passing.flush()
  }
}
