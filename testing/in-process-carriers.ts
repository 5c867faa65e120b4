import { Cancelled, describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import { MeshSecrets } from '../node/mesh-secrets.ts'
import { encodeFailure } from '../rpc/error-codec.ts'
import { importModule } from '../nursery/import-module.ts'
import type { ActorRuntime } from '../nursery/actor-runtime.ts'
import { startRuntime } from '../nursery/start-runtime.ts'
import { Answering } from '../nursery/answering.ts'
import type { BootMessage, ParentMessage } from '../nursery/boot-message.ts'
import type { Carrier, CarrierEvents } from '../nursery/carrier.ts'
import type { CarrierStarter } from '../nursery/carriers.ts'
import type { StartMethod } from '../nursery/start-method.ts'
import { eventually } from './eventually.ts'
import { startMemoryHost } from './memory-host.ts'

/** Milliseconds in which a parent has to know of a child that is up. */
const KNOWN_TO_PARENT_MS = 5_000

/** Carries the actors below others in the same process, under the same supervision. */
export class InProcessCarriers implements CarrierStarter {
  readonly waiting = 0
  /** Of the whole mesh, by peer id. */
  readonly #runtimes = new Map<string, ActorRuntime>()

  /** An actor that is up, until it ends. */
  add(runtime: ActorRuntime): void {
    const { id } = runtime.self
    this.#runtimes.set(id, runtime)
    runtime.scope.onCancel(() => this.#runtimes.delete(id))
  }

  start(_method: StartMethod, _options: unknown, events: CarrierEvents): Carrier {
    return new InProcessCarrier(this, events)
  }

  /** Real children take longer to say that they are ready than their records take. */
  async untilParentKnows({ self, options }: ActorRuntime): Promise<void> {
    const parent = this.#runtimes.get(options.parent?.id ?? '')
    if (parent === undefined) return
    const isKnown = (): boolean => parent.discovery.state.registry.get(self.id) !== undefined
    await eventually(`'${parent.self.name}' knows '${self.name}'`, isKnown, KNOWN_TO_PARENT_MS)
  }

  /** The secret of a private mesh does not change, and nobody is banned from it. */
  tell(): void {}

  warmUp(): void {}

  async close(): Promise<void> {}
}

/** What is taken for a process, or a thread, of its own: it is told to end, or dies, as they do. */
class InProcessCarrier implements Carrier {
  readonly pid = process.pid
  readonly noun = 'thread'
  readonly #carriers: InProcessCarriers
  #events: CarrierEvents
  #gone = false
  #ending = false
  #self = { name: 'actor', id: '' }
  #host: Host | undefined
  #runtime: ActorRuntime | undefined
  #answering: Answering | undefined
  #boot: Promise<void> | undefined

  constructor(carriers: InProcessCarriers, events: CarrierEvents) {
    this.#carriers = carriers
    this.#events = events
  }

  get gone(): boolean {
    return this.#gone
  }

  send(message: ParentMessage): void {
    if (message.type === 'boot')
      this.#boot = this.#start({ ...message, statespace: structuredClone(message.statespace) })
    else if (message.type === 'cancel') void this.#end(new Cancelled(message.by, message.why))
    else if (message.type === 'access') this.#runtime?.admit(message)
    else if (message.type !== 'prepare') void this.#runtime?.scope.run(async () => await this.#answering?.ask(message))
  }

  listen(events: CarrierEvents): void {
    this.#events = events
  }

  /** As a process that is killed says nothing any more, its connections go first. */
  kill(signal: 'SIGTERM' | 'SIGKILL'): boolean {
    if (this.#gone) return false
    const reason = new Cancelled(this.#self.name, `it was killed by ${signal}`)
    this.#ending = true
    void this.#die(reason).then(() => this.#exit(`it was killed by ${signal}`, null))
    return true
  }

  async #start(message: BootMessage): Promise<void> {
    let module: string | undefined
    try {
      const secrets = new MeshSecrets(message.secrets)
      const { identity, host } = await startMemoryHost(secrets)
      this.#host = host
      this.#self = { name: message.name, id: identity.peerId }
      const namespaces: string[] = []
      for (const one of message.modules) {
        module = one.url
        namespaces.push(...(await importModule(one)))
      }
      module = undefined
      const carriers = this.#carriers
      const runtime = await startRuntime({
        ...message,
        secrets,
        modules: namespaces.map((namespace) => ({ namespace })),
        identity,
        host,
        sharesProcess: true,
        carriers,
      })
      this.#runtime = runtime
      this.#answering = new Answering(runtime, (told) => this.#events.onMessage(told))
      runtime.scope.onCancel((reason) => void this.#end(reason))
      carriers.add(runtime)
      await carriers.untilParentKnows(runtime)
      this.#events.onMessage({ type: 'ready', target: runtime.self })
    } catch (error) {
      await this.#host?.stop()
      this.#events.onMessage({ type: 'bootFailed', failure: encodeFailure(error, this.#self, true), module })
      this.#exit('it did not start', 1)
    }
  }

  async #end(reason: Cancelled): Promise<void> {
    if (this.#ending) return
    this.#ending = true
    this.#answering?.flush()
    this.#events.onMessage({ type: 'cancelled', by: reason.by, why: reason.why })
    await this.#runtime?.stop(reason)
    this.#exit('it has ended', 0)
  }

  async #die(reason: Cancelled): Promise<void> {
    await this.#boot
    try {
      await this.#host?.stop()
      await this.#runtime?.stop(reason)
    } catch (error) {
      areaLog('testing').warn(`while an actor was killed: ${describeError(error)}`)
    }
  }

  #exit(how: string, code: number | null): void {
    if (this.#gone) return
    this.#gone = true
    this.#events.onExit(how, code)
  }
}
