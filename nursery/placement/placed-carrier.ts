import { randomBytes } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { type ActorRecord, recordLimits } from '../../discovery/record.ts'
import { targetOf } from '../../discovery/actor-info.ts'
import { profiles } from '../../discovery/profile.ts'
import { type ActorRef, type Cancelled, LimitExceeded, ProtocolError, showActor } from '../../node/errors.ts'
import { encode } from '../../rpc/codec.ts'
import { MAX_FRAME_BYTES } from '../../rpc/frame-reader.ts'
import { transferable } from '../../rpc/transferable.ts'
import { passOutput } from '../actor-output.ts'
import type { ActorRuntime } from '../actor-runtime.ts'
import type { BootMessage, ParentMessage } from '../boot-message.ts'
import type { Carrier, CarrierEvents, Ladder } from '../carrier.ts'
import type { ActorSpec } from '../nursery-options.ts'
import { type HostSelection, noHost, rankHosts } from './host-choice.ts'
import { HostLink, openSpawnWire } from './host-link.ts'
import { moduleNames } from './module-name.ts'
import { lostEndMs, placementTimes } from './placement-times.ts'
import { PLACEMENT_ID_LENGTH, type SpawnOrder, type Told } from './spawn-protocol.ts'

/** Bytes of an order beyond the statespace, generously: what is larger than a frame cannot be sent. */
const ORDER_ROOM = 64 * 1024

export interface PlacedCarrierOptions {
  readonly runtime: ActorRuntime
  readonly spec: ActorSpec
  readonly on: HostSelection
  /** Peer id of a host that was lost a moment ago. */
  readonly avoid: string | undefined
}

/** What came of asking a host: the actor is up, or has come to its own end there; or it is not, and others may be asked. */
type Attempt = 'settled' | { readonly failed: string; readonly final: boolean }

/** The placements of this actor: by peer id of the host, those that others may not know of yet. */
const placedOn = new WeakMap<ActorRuntime, Map<string, Set<PlacedCarrier>>>()

/**
 * Carries an actor in a process on another host, below the host peer there. What is asked of it and what becomes of it goes over
 * a stream to that peer, which has the ladder, since it alone sees the process.
 */
export class PlacedCarrier implements Carrier, Ladder {
  readonly noun = 'process'
  readonly ladder = this
  readonly #options: PlacedCarrierOptions
  readonly #events: CarrierEvents
  readonly #output: { readonly write: (fd: 1 | 2, bytes: Uint8Array) => void; readonly end: () => void }
  #link: HostLink | undefined
  #host: ActorRef | undefined
  #pid: number | undefined
  #peer: { readonly id: string; readonly treeKey: Uint8Array } | undefined
  #order: SpawnOrder | undefined
  #reason: { readonly by: string; readonly why: string } | undefined
  #started = false
  #gone = false
  #late: NodeJS.Timeout | undefined

  constructor(options: PlacedCarrierOptions, events: CarrierEvents) {
    this.#options = options
    this.#events = events
    this.#output = outputOf(options.spec)
  }

  get pid(): number | undefined {
    return this.#pid
  }

  get gone(): boolean {
    return this.#gone
  }

  /** The host peer that it runs below, once one has taken it. */
  get host(): ActorRef | undefined {
    return this.#host
  }

  /** Peer id of the actor, once it is one. */
  get peerId(): string | undefined {
    return this.#peer?.id
  }

  send(message: ParentMessage): void {
    if (message.type === 'boot') {
      this.#order = this.#orderFrom(message)
      this.#started = true
      void this.#place(this.#order)
    } else if (message.type !== 'cancel' && message.type !== 'prepare' && message.type !== 'access')
      // who may connect it hears from its host
      this.#link?.pass(message)
  }

  /** Its host has the ladder, and kills what is not up yet at once. */
  kill(why: string): boolean {
    if (this.#started) this.#end(this.#options.runtime.self.name, why)
    else queueMicrotask(() => this.#exit('it was not started', null))
    return false
  }

  listen(): void {
    throw new Error('an actor on another host keeps its owner')
  }

  end({ by, why }: Cancelled): void {
    this.#end(by, why)
  }

  descend(): void {}

  hurry(): void {}

  stop(): void {
    clearTimeout(this.#late)
  }

  #end(by: string, why: string): void {
    this.#reason ??= { by, why }
    this.#link?.end(by, why)
  }

  /** Asks one host after the other, the best one first, until it is up on one: a host may refuse, and may be lost meanwhile. */
  async #place(order: SpawnOrder): Promise<void> {
    const { runtime, on, avoid } = this.#options
    const { registry } = runtime.discovery.state
    const hosts = rankHosts(registry, on, actorsOn(runtime), avoid)
    const tried: string[] = []
    for (const host of hosts) {
      if (this.#reason !== undefined) break
      const attempt = await this.#ask(host, order)
      if (attempt === 'settled') return
      tried.push(`${showActor({ name: host.name, id: host.peerId })}: ${attempt.failed}`)
      if (attempt.final) break
    }
    const why = tried.length === 0 ? noHost(registry, on) : `no host has taken it: ${tried.join('; ')}`
    this.#events.onLost?.(why)
    this.#exit('it was not started', null)
  }

  async #ask(record: ActorRecord, order: SpawnOrder): Promise<Attempt> {
    const { runtime } = this.#options
    const host = targetOf(record)
    const outcome = Promise.withResolvers<Attempt>()
    let isUp = false
    let hostsEnd: string | undefined
    const mayMove = (): boolean => !isUp && this.#reason === undefined
    const forget = this.#countOn(host.id)
    const times = { beatMs: order.beatMs, lostAfterMs: order.lostAfterMs }
    this.#link = new HostLink(
      {
        host,
        placement: randomBytes(PLACEMENT_ID_LENGTH / 2).toString('hex'),
        order,
        times,
        dialMs: profiles[runtime.options.profile].dialTimeout,
        lostEndMs: lostEndMs(order.graceMs),
        openWire: async (signal) => {
          if (host.id === runtime.self.id) return await (await import('./hosting.ts')).wireToOwnHosting(runtime)
          return await openSpawnWire(runtime.host, host, signal, (error) => runtime.rpc.breach(host.id, error))
        },
        abortDeaf: async (withinMs) => await runtime.host.abortDeaf(host.id, withinMs),
      },
      {
        onAccepted: (pid) => {
          this.#host = { name: host.name, id: host.id }
          this.#pid = pid
        },
        onRefused: (code, why) => {
          forget()
          this.#link = undefined
          outcome.resolve({ failed: why, final: code === 'module' || code === 'invalid' })
        },
        onTold: (event) => {
          if (event.type === 'exited') forget()
          if (event.type === 'givenUp' && mayMove()) {
            hostsEnd = `it ends it: ${event.why}`
            return
          }
          if (event.type === 'exited' && hostsEnd !== undefined && mayMove())
            return outcome.resolve({ failed: hostsEnd, final: false })
          this.#hear(event)
          isUp ||= event.type === 'ready'
          if (isUp || event.type === 'exited') outcome.resolve('settled')
        },
        onPassed: (message) => this.#events.onMessage(message),
        onOutput: (fd, bytes) => this.#output.write(fd, bytes),
        onLost: (how, goneInMs) => {
          forget()
          const moves = mayMove()
          if (!moves) this.#events.onLost?.(how)
          // Nobody starts it elsewhere while it may still run there.
          this.#late = setTimeout(() => {
            if (moves) outcome.resolve({ failed: how, final: false })
            else this.#exit(how, null)
          }, goneInMs)
        },
      },
    )
    return await outcome.promise
  }

  #hear(event: Told): void {
    const host = this.#host?.name ?? ''
    switch (event.type) {
      case 'step':
        this.#events.onStep?.(event.step, `${event.why} (on ${host})`)
        return
      case 'givenUp':
        this.#events.onLost?.(`its host ${host} ends it: ${event.why}`)
        return
      case 'exited':
        this.#exit(`${event.how} (on ${host})`, event.code)
        return
      case 'ready':
        this.#meet(event.target.name, event.target.id)
        this.#events.onMessage(event)
        return
      default:
        this.#events.onMessage(event)
    }
  }

  /** Its owner is of its tree, as far as stacks are concerned. */
  #meet(name: string, id: string): void {
    const { runtime, spec } = this.#options
    if (name !== spec.name || id === runtime.self.id) throw new ProtocolError('it is another actor than was asked for')
    const { treeKey } = this.#order!
    this.#peer = { id, treeKey }
    runtime.rpc.relate(id, treeKey)
  }

  #exit(how: string, code: number | null): void {
    if (this.#gone) return
    this.#gone = true
    if (this.#peer !== undefined) this.#options.runtime.rpc.unrelate(this.#peer.id)
    this.#output.end()
    this.#events.onExit(how, code)
  }

  #countOn(host: string): () => void {
    const { runtime } = this.#options
    let hosts = placedOn.get(runtime)
    if (hosts === undefined) placedOn.set(runtime, (hosts = new Map()))
    const placed = hosts.get(host) ?? new Set()
    hosts.set(host, placed.add(this))
    return () => {
      placed.delete(this)
      if (placed.size === 0) hosts.delete(host)
    }
  }

  #orderFrom(boot: BootMessage): SpawnOrder {
    const { runtime, spec } = this.#options
    const order: SpawnOrder = {
      owner: { name: runtime.self.name, addresses: runtime.self.addresses.slice(0, recordLimits.addrs) },
      name: boot.name,
      modules: moduleNames(spec.modules),
      statespace: transferable(boot.statespace, 'statespace') as Record<string, unknown>,
      metadata: boot.metadata,
      logLevel: boot.logLevel,
      graceMs: boot.graceMs,
      bootTimeoutMs: spec.bootTimeoutMs,
      limits: boot.limits,
      treeKey: boot.treeKey,
      stacks: boot.stacks,
      startMethod: boot.startMethod,
      warmActors: boot.warmActors,
      trace: boot.trace,
      ...placementTimes(profiles[runtime.options.profile]),
    }
    const bytes = encode(order).byteLength
    if (bytes > MAX_FRAME_BYTES - ORDER_ROOM)
      throw new LimitExceeded('MAX_FRAME_BYTES', `with ${bytes} bytes it is too large for a spawn on another host`)
    return order
  }
}

/** How many actors a host has: those whose records are known, and those placed by this actor whose records are not yet. */
function actorsOn(runtime: ActorRuntime): (host: string) => number {
  const { registry } = runtime.discovery.state
  const known = new Map<string, number>()
  for (const { parent } of registry.actors()) if (parent !== undefined) known.set(parent, (known.get(parent) ?? 0) + 1)
  const own = placedOn.get(runtime)
  return (host) => {
    let count = known.get(host) ?? 0
    for (const { peerId } of own?.get(host) ?? [])
      if (peerId === undefined || registry.get(peerId) === undefined) count += 1
    return count
  }
}

function outputOf({ name, stdio }: ActorSpec): { write: (fd: 1 | 2, bytes: Uint8Array) => void; end: () => void } {
  if (stdio === 'inherit')
    return { write: (fd, bytes) => void (fd === 1 ? process.stdout : process.stderr).write(bytes), end: () => {} }
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  passOutput(name, stdio, stdout, stderr)
  return {
    write: (fd, bytes) => void (fd === 1 ? stdout : stderr).write(bytes),
    end: () => {
      stdout.end()
      stderr.end()
    },
  }
}
