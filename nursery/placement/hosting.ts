import { type CancelScope, outsideScopes } from '../../node/cancel-scope.ts'
import { describeError } from '../../node/errors.ts'
import { FrameStream } from '../../rpc/frame-stream.ts'
import { libp2pWire, memoryWires, type Wire } from '../../rpc/wire.ts'
import type { ActorRuntime, LiveNursery } from '../actor-runtime.ts'
import { Books } from '../report.ts'
import { Guest } from './guest.ts'
import { HOSTS_GROUP } from './host-choice.ts'
import type { HostingOptions } from './hosting-options.ts'
import { resolveModule } from './resolve-module.ts'
import { checkOrder } from './spawn-order.ts'
import {
  END,
  type OwnerFrame,
  parseOwnerFrame,
  REFUSED,
  type RefusalCode,
  RESUME,
  SPAWN,
  SPAWN_PROTOCOL,
} from './spawn-protocol.ts'

/** Milliseconds in which whoever opens a stream has to say what for. */
export const SPAWN_WAIT_MS = 5_000
/** Streams that have not said so yet, over all peers; one more is refused. */
export const MAX_SILENT_SPAWNS = 256

const hostings = new WeakMap<ActorRuntime, Hosting>()

/** Lets this root start actors for others, and says so to the mesh. */
export async function openHosting(runtime: ActorRuntime, settings: Required<HostingOptions>): Promise<void> {
  const hosting = new Hosting(runtime, settings)
  hostings.set(runtime, hosting)
  await runtime.host.handle(SPAWN_PROTOCOL, (stream, peer) =>
    hosting.accept(libp2pWire(stream, { blame: (error) => runtime.rpc.breach(peer, error) }), peer),
  )
  hosting.watch()
}

/** A way to this very process: libp2p does not dial its own node. */
export async function wireToOwnHosting(runtime: ActorRuntime): Promise<Wire> {
  const hosting = hostings.get(runtime)
  if (hosting === undefined) throw new Error('this actor starts none for others')
  const [near, far] = memoryWires()
  hosting.accept(far, runtime.self.id)
  return near
}

interface Block {
  readonly live: LiveNursery
  readonly empty: PromiseWithResolvers<void>
}

/** What a root runs for others: it admits, and refuses above its bounds. All of it ends with the root. */
class Hosting {
  readonly #runtime: ActorRuntime
  readonly #settings: Required<HostingOptions>
  /** By the number that the owner gave: those whose process is there, and those whose end has not been heard yet. */
  readonly #guests = new Map<string, Guest>()
  readonly #running = new Set<Guest>()
  #silent = 0
  #block: Block | undefined

  constructor(runtime: ActorRuntime, settings: Required<HostingOptions>) {
    this.#runtime = runtime
    this.#settings = settings
  }

  /** Hears who ends, this root included. */
  watch(): void {
    const { discovery, scope } = this.#runtime
    const unlisten = discovery.onEvent((event) => {
      if (event.type !== 'down' && event.type !== 'up') return
      for (const guest of this.#guests.values()) if (guest.owner === event.record.peerId) guest.checkOwner()
    })
    scope.onCancel((reason) => {
      unlisten()
      for (const guest of this.#guests.values()) {
        if (this.#running.has(guest)) guest.giveUp(`its host leaves (${reason.by}: ${reason.why})`)
        else guest.forget()
      }
    })
    discovery.metadata.join(HOSTS_GROUP)
  }

  accept(wire: Wire, peer: string): void {
    if (this.#silent >= MAX_SILENT_SPAWNS)
      return wire.abort(new Error('too many streams have not said what they are for'))
    let guest: Guest | undefined
    let said = false
    this.#silent += 1
    const speak = (): void => {
      if (said) return
      said = true
      this.#silent -= 1
      clearTimeout(timer)
    }
    const stream: FrameStream = new FrameStream(wire, {
      onFrame: (bytes) => {
        const frame = parseOwnerFrame(bytes)
        if (guest !== undefined) return guest.hear(frame)
        speak()
        guest = outsideScopes(() => this.#meet(frame, peer, stream))
      },
      onClose: () => {
        speak()
        guest?.left(stream)
      },
    })
    const timer = setTimeout(() => stream.abort(new Error('it was not said what is to be started')), SPAWN_WAIT_MS)
  }

  #meet(frame: OwnerFrame, peer: string, stream: FrameStream): Guest | undefined {
    if (frame.type === SPAWN) return this.#admit(frame.placement, frame.order, peer, stream)
    if (frame.type === RESUME) {
      const guest = this.#guests.get(frame.placement)
      if (guest?.owner === peer) {
        guest.attach(stream, frame.heard)
        return guest
      }
    }
    // Whoever ends what is not there has its wish.
    if (frame.type !== END) refuse(stream, 'unknown', 'nothing of that number runs here for you')
    return undefined
  }

  #admit(placement: string, wire: unknown, peer: string, stream: FrameStream): Guest | undefined {
    const { maxActors, maxActorsPerPeer, directory } = this.#settings
    const { scope, actor } = this.#runtime
    const refuseHere = (code: RefusalCode, why: string): undefined => refuse(stream, code, why)
    if (scope.cancelled) return refuseHere('leaving', 'it leaves the mesh')
    if (this.#guests.has(placement)) return refuseHere('invalid', 'this number of a placement is taken')
    if (this.#running.size >= maxActors)
      return refuseHere('full', `it runs ${maxActors} actors for others already (maxActors)`)
    const ofPeer = [...this.#running].filter(({ owner }) => owner === peer).length
    if (ofPeer >= maxActorsPerPeer)
      return refuseHere('full', `it runs ${ofPeer} actors for you already (maxActorsPerPeer)`)
    let code: RefusalCode = 'invalid'
    try {
      const order = checkOrder(wire)
      code = 'module'
      const urls = order.modules.map(({ name }) => resolveModule(name, directory))
      code = 'invalid'
      return this.#take(placement, peer, stream, order, urls)
    } catch (error) {
      return refuseHere(code, `${actor.name}: ${describeError(error).replace(/^InvalidArgument: /, '')}`)
    }
  }

  #take(
    placement: string,
    owner: string,
    stream: FrameStream,
    order: ReturnType<typeof checkOrder>,
    urls: readonly string[],
  ): Guest {
    const { live, empty } = this.#open()
    const guest: Guest = new Guest(
      {
        runtime: this.#runtime,
        placement,
        owner,
        order,
        urls,
        page: live.books.open('actor', order.name),
        onExit: () => {
          this.#running.delete(guest)
          if (this.#running.size === 0) {
            this.#block = undefined
            empty.resolve()
          }
          if (this.#runtime.scope.cancelled) guest.forget()
        },
        onForgotten: () => void this.#guests.delete(placement),
      },
      stream,
    )
    this.#guests.set(placement, guest)
    this.#running.add(guest)
    return guest
  }

  /** The root waits for them as for the children of a nursery. */
  #open(): Block {
    if (this.#block !== undefined) return this.#block
    const scope: CancelScope = this.#runtime.scope
    const live = { scope, books: new Books(this.#runtime.actor.name) }
    const empty = Promise.withResolvers<void>()
    void this.#runtime.track(live, async () => await empty.promise)
    return (this.#block = { live, empty })
  }
}

function refuse(stream: FrameStream, code: RefusalCode, why: string): undefined {
  stream.send([REFUSED, code, why])
  stream.close()
}
