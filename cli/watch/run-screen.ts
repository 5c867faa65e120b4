import { cancelScope } from '../../index.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { press } from './press.ts'
import { drawScreen, type Screen } from './screen.ts'
import { openShell, type ShellOptions, type Show } from './shell.ts'
import { START, type ViewState } from './view-state.ts'
import { Watching } from './watching.ts'
import type { Seen, Size } from './seen.ts'

/** Milliseconds between two repaints that the mesh asks for, at least: so that a slow line keeps up. */
const REPAINT_MS = 250

/** Shows a mesh until somebody quits. A cancel point; gives the terminal back however it ends. */
export async function runScreen(sight: MeshSight, intervalMs: number, options: ShellOptions): Promise<void> {
  await cancelScope(async (scope) => {
    const stage = new Stage(sight, intervalMs, () => scope.cancel('the screen was left'))
    const shell = openShell(stage, options)
    try {
      await stage.watching.run()
    } finally {
      stage.close()
      await shell.close()
    }
  })
}

/** Between the mesh and the terminal: what is chosen, and when there is something to repaint. */
class Stage implements Show {
  readonly watching: Watching
  readonly #quit: () => void
  readonly #listeners = new Set<() => void>()
  #view: ViewState = START
  #screen: Screen | undefined
  #size: Size | undefined
  /** What stands still while it is paused. */
  #still: Seen | undefined
  /** The log from which somebody has scrolled back: new lines do not move it. */
  #heldLog: Seen['log'] | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(sight: MeshSight, intervalMs: number, quit: () => void) {
    this.#quit = quit
    this.watching = new Watching(sight, START, intervalMs, () => this.#soon())
  }

  lines(size: Size): Screen['lines'] {
    this.#size = size
    const seen = this.watching.seen(Date.now())
    this.#still = this.#view.paused ? (this.#still ?? { ...seen, model: seen.model.copy() }) : undefined
    this.#heldLog = (this.#view.log?.back ?? 0) > 0 ? (this.#heldLog ?? [...seen.log]) : undefined
    const { model, now } = this.#still ?? seen
    this.#screen = drawScreen({ ...seen, model, now, log: this.#heldLog ?? seen.log }, this.#view, size)
    this.watching.show(this.#screen.page.shown)
    return this.#screen.lines
  }

  press(key: string): void {
    if (this.#screen === undefined) return
    const { view, act } = press(this.#view, key, this.#screen.page)
    this.#view = view
    this.watching.take(view)
    if (act !== undefined) void this.watching.act(act)
    if (view.quitting) this.#quit()
    // the next key may come before the next frame, and is about what this one has changed
    if (this.#size !== undefined) this.lines(this.#size)
    this.#repaint()
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#listeners.clear()
  }

  #soon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#repaint()
    }, REPAINT_MS)
  }

  #repaint(): void {
    for (const listener of this.#listeners) listener()
  }
}
