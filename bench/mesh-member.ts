import { type ChildProcess, fork } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { monotonic, type RootSaid, type RootTask } from './mesh-talk.ts'

const file = fileURLToPath(new URL('./mesh-root.ts', import.meta.url))

/** A root of the measured mesh, as its driver holds it. */
export class MeshMember {
  id = ''
  readonly name: string
  /** Who is up as far as it heard, by peer id: since when. */
  readonly up = new Map<string, number>()
  /** When it heard of an end. */
  readonly down = new Map<string, number>()
  arbiter: { readonly id: string; readonly at: number } = { id: '', at: 0 }
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #said = new EventEmitter<{ started: [said: RootSaid & { readonly type: 'started' }]; ready: [] }>()

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    this.#exited = once(child, 'exit')
    child.on('message', (said: RootSaid) => this.#hear(said))
  }

  static async start(name: string, runtimeDir: string): Promise<MeshMember> {
    const child = fork(file, [name], {
      execArgv: [],
      env: { ...process.env, XDG_RUNTIME_DIR: runtimeDir },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const member = new MeshMember(name, child)
    await Promise.race([once(member.#said, 'ready'), member.#exited])
    if (member.id === '') throw new Error(`${name} ended before it was ready`)
    return member
  }

  async startActor(name: string): Promise<RootSaid & { readonly type: 'started' }> {
    const started = once(this.#said, 'started') as Promise<[RootSaid & { readonly type: 'started' }]>
    this.#child.send({ start: name } satisfies RootTask)
    const [said] = await started
    return said
  }

  /** Ends, stops or wakes it; gives the moment before that. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): number {
    const at = monotonic()
    this.#child.kill(signal)
    return at
  }

  /** Waits for the end of one that was killed, or ends it in order. */
  async end(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect()
    await this.#exited
  }

  #hear(said: RootSaid): void {
    switch (said.type) {
      case 'ready':
        this.id = said.id
        this.#said.emit('ready')
        return
      case 'started':
        this.#said.emit('started', said)
        return
      case 'up':
        this.up.set(said.id, said.at)
        this.down.delete(said.id)
        return
      case 'down':
        this.down.set(said.id, said.at)
        this.up.delete(said.id)
        return
      case 'arbiter':
        this.arbiter = said
    }
  }
}
