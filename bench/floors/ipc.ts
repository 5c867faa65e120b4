import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { IDLE_MS } from '../subject.ts'
import { playFloor } from './floor.ts'
import type { Link } from './link.ts'

/** `child_process` IPC with Node's own `advanced` serialization; the frames of one microtask are one message. */
class IpcLink implements Link {
  onFrame: ((frame: unknown) => void) | undefined
  readonly #end: Pick<ChildProcess, 'send' | 'on'>
  #batch: unknown[] = []
  #drained: PromiseWithResolvers<void> | undefined

  constructor(end: Pick<ChildProcess, 'send' | 'on'>) {
    this.#end = end
    end.on('message', (batch: unknown[]) => {
      for (const frame of batch) this.onFrame?.(frame)
    })
  }

  send(frame: unknown): void {
    if (this.#batch.push(frame) === 1) queueMicrotask(() => this.#flush())
  }

  drained(): Promise<void> | undefined {
    return this.#drained?.promise
  }

  #flush(): void {
    const sent = Promise.withResolvers<void>()
    const batch = this.#batch
    this.#batch = []
    // An error is the end of the other process, which is reported by itself.
    const room = this.#end.send(batch, () => sent.resolve())
    this.#drained = room ? undefined : sent
  }
}

/** A bare Node process: what spawning costs at least. */
async function spawn(): Promise<{ ms: number; mb: number }> {
  const start = performance.now()
  const child = fork(fileURLToPath(new URL('answer-once.js', import.meta.url)), [String(IDLE_MS)], { execArgv: [] })
  const exited = once(child, 'exit')
  await once(child, 'message')
  const ms = performance.now() - start
  const [{ bytes }] = (await once(child, 'message')) as [{ bytes: number }]
  child.disconnect()
  await exited
  return { ms, mb: bytes / 1_000_000 }
}

await playFloor<undefined>(import.meta.filename, {
  listen: async (onLink) => onLink(new IpcLink(process as unknown as ChildProcess)) as undefined,
  connect: async (_, peer) => {
    const link = new IpcLink(peer)
    return { calls: link, data: link, extras: { spawn }, close: () => {} }
  },
})
