import { type ActorRef, cancelScope, describeTree, failAfter, moveOnAfter, sleep } from '../../index.ts'
import { describeFailure } from '../command-error.ts'
import { END_MS } from '../commands/end.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { MeshReader } from '../model/mesh-reader.ts'
import { showGap } from '../show-event.ts'
import { shortId, visible } from '../text.ts'
import type { Asking, ViewState } from './view-state.ts'
import type { Seen, ShownLine } from './seen.ts'

/** Lines of a log that are kept; the oldest gives way. */
const MAX_LOG_LINES = 1_000
/** Lines of before that are asked for when a log is opened. */
const RECENT_LOG_LINES = 200
/** Events of before that are asked for at the start. */
const RECENT_WATCH_EVENTS = 100
/** Milliseconds that an actor has to tell its tree. */
const TREE_MS = 800
/** Milliseconds for which it is said what became of an act. */
const NOTE_MS = 6_000
/** Milliseconds before what has failed is tried again. */
const AGAIN_MS = 1_000

/** What a screen needs of a mesh, kept up to date until its scope is cancelled. */
export class Watching {
  readonly #sight: MeshSight
  readonly #reader: MeshReader
  readonly #intervalMs: number
  readonly #onChange: () => void
  #view: ViewState
  #tree: Seen['tree']
  #log: ShownLine[] = []
  #note: { readonly text: string; readonly bad: boolean; readonly until: number } | undefined
  #trouble: string | undefined
  #followed: ActorRef | undefined
  #shown: readonly string[] | undefined
  #stopFollowing: () => void = () => {}
  #wake: () => void = () => {}

  /** @param onChange called when there is something else to see */
  constructor(sight: MeshSight, view: ViewState, intervalMs: number, onChange: () => void) {
    this.#sight = sight
    this.#reader = new MeshReader(sight, onChange)
    this.#view = view
    this.#intervalMs = intervalMs
    this.#onChange = onChange
  }

  seen(now: number): Seen {
    const note = this.#trouble === undefined ? this.#note : { text: this.#trouble, bad: true, until: Infinity }
    return {
      mesh: this.#sight.mesh,
      gate: this.#sight.observer.gate,
      model: this.#reader.model,
      now,
      tree: this.#tree,
      log: this.#log,
      note: note !== undefined && note.until > now ? note : undefined,
    }
  }

  /** The actors that the screen shows: they are asked in each round, others less often. */
  show(ids: readonly string[]): void {
    this.#shown = this.#reader.model.actors.length === 0 ? undefined : ids
  }

  /** Another actor may be looked at, or another log followed. */
  take(view: ViewState): void {
    const before = this.#view
    this.#view = view
    if (view.detail?.actor.id !== before.detail?.actor.id) {
      this.#tree = undefined
      this.#wake()
    }
    if (view.log?.actor.id !== this.#followed?.id) {
      this.#followed = view.log?.actor
      this.#log = []
      this.#stopFollowing()
    }
  }

  /** Does what was confirmed, and says what became of it. */
  async act({ act, actor }: Pick<Asking, 'act' | 'actor'>): Promise<void> {
    const who = `${visible(actor.name)} (${shortId(actor.id)})`
    const member = this.#reader.model.actor(actor.id)?.member
    this.#say(member === undefined ? `${who} is gone already` : `${who} is asked to end`, member === undefined)
    if (member === undefined) return
    try {
      await failAfter(END_MS, async () => await this.#sight.observer[act](member, { reason: 'greenroom watch' }))
      this.#say(`${who} ${act === 'kill' ? 'was killed' : 'was asked to end, and agreed'}`, false)
    } catch (error) {
      this.#say(`${who} was not ended: ${describeFailure(error).replaceAll('\n', ' ')}`, true)
    }
    this.#reader.expectChange()
    this.#wake()
  }

  /** Reads and follows. A cancel point: it never returns. */
  async run(): Promise<void> {
    await Promise.all([this.#readAgain(), this.#followEvents(), this.#followLogs()])
  }

  async #readAgain(): Promise<never> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      const looked = this.#view.detail?.actor.id
      const started = performance.now()
      try {
        await Promise.all([
          this.#reader.read({ closely: looked, ...(this.#shown === undefined ? {} : { seen: this.#shown }) }),
          ...(looked === undefined ? [] : [this.#readTree(looked)]),
        ])
        this.#trouble = undefined
      } catch (error) {
        await letCancelPass()
        this.#trouble = `the mesh cannot be seen: ${describeFailure(error).replaceAll('\n', ' ')}`
      }
      this.#onChange()
      const rest = Math.max(this.#intervalMs / 4, this.#intervalMs - (performance.now() - started))
      await moveOnAfter(rest, async () => await Promise.race([promise, sleep(rest)]))
    }
  }

  async #readTree(id: string): Promise<void> {
    const member = this.#reader.model.actor(id)?.member
    if (member === undefined) return
    try {
      const tree = await describeTree(this.#sight.portal(member), { timeoutMs: TREE_MS })
      if (this.#view.detail?.actor.id === id) this.#tree = { id, tree }
    } catch (error) {
      await letCancelPass()
      if (this.#view.detail?.actor.id === id) this.#tree = { id, silent: describeFailure(error) }
    }
  }

  async #followEvents(): Promise<never> {
    for (let recent = RECENT_WATCH_EVENTS; ; recent = 0) {
      try {
        for await (const event of this.#sight.observer.events({ recent })) {
          this.#reader.model.takeEvent(event)
          if ('seenBy' in event) this.#reader.expectChange()
          this.#onChange()
        }
      } catch (error) {
        await letCancelPass()
        this.#reader.model.takeEvent({
          at: Date.now(),
          type: 'silent',
          actor: this.#sight.observer.gate,
          why: describeFailure(error),
        })
      }
      await sleep(AGAIN_MS)
    }
  }

  async #followLogs(): Promise<never> {
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#stopFollowing = resolve
      const followed = this.#followed
      if (followed === undefined) await promise
      else
        await cancelScope(async (scope) => {
          void promise.then(() => scope.cancel('another log is looked at'))
          await this.#followLog(followed)
          await promise
        })
      await letCancelPass()
    }
  }

  async #followLog(actor: ActorRef): Promise<void> {
    try {
      const lines = this.#sight.observer.logs({ actors: [actor.id], recent: RECENT_LOG_LINES, follow: true })
      for await (const line of lines) {
        this.#log.push('text' in line ? line : { at: line.at, missing: showGap(line) })
        if (this.#log.length > MAX_LOG_LINES) this.#log.shift()
        this.#onChange()
      }
    } catch (error) {
      await letCancelPass()
      this.#log.push({ at: Date.now(), missing: `the log cannot be followed: ${describeFailure(error)}` })
      this.#onChange()
    }
  }

  #say(text: string, bad: boolean): void {
    this.#note = { text, bad, until: Date.now() + NOTE_MS }
    this.#onChange()
  }
}

/** Throws when the screen is left: what was caught then is that, and no failure. */
async function letCancelPass(): Promise<void> {
  await sleep(0)
}
