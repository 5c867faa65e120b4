import type { Stream } from '@libp2p/interface'
import type { CancelScope } from '../node/cancel-scope.ts'
import type { ActorStats } from '../node/actor-stats.ts'
import type { ActorDied, ActorRef, Cancelled, ProtocolError } from '../node/errors.ts'
import type { CallingHost } from '../node/host.ts'
import { type Outcome, RelayDesk, type RelayedCall } from './broadcast.ts'
import { Builtins, type BuiltinTable } from './builtins.ts'
import { Callee } from './callee.ts'
import { Caller, type Target } from './caller.ts'
import type { FunctionKind } from './exposed.ts'
import { Kinship, type StackPolicy } from './kinship.ts'
import { Misconduct } from './misconduct.ts'
import { Portal } from './portal.ts'
import { LANE_PROTOCOL, STREAM_PROTOCOL } from './protocol.ts'
import { type CountedStream, Stats, type StreamOf } from './stats.ts'
import type { UnderWay } from './under-way.ts'
import { WireOwners } from './wire-owners.ts'
import { libp2pWire, type Wire } from './wire.ts'

export interface RpcOptions {
  readonly host: CallingHost
  readonly self: ActorRef
  /** The actor's scope: calls served here run below it. */
  readonly scope: CancelScope
  /** Namespaces that may be called here. */
  readonly namespaces: readonly string[]
  /** A peer asked the whole actor to end. */
  readonly onCancelActor: (reason: Cancelled, peer: string) => void
  /** What this actor's whole tree, and nobody else, knows: 32 bytes. */
  readonly treeKey: Uint8Array
  /** Who is sent the stacks of errors. */
  readonly stacks: StackPolicy
  /** Whether it takes calls; default it does. */
  readonly serves?: boolean
  /** Counts what happens here; default new ones. */
  readonly stats?: Stats
}

/** A stream of a call that is open. */
type OpenStream = StreamOf & Omit<CountedStream, 'of'>

/** Both sides of calling for one actor. */
export interface Rpc {
  /** A portal to an actor; `result` is what its main task gives, if it has one here. */
  portal<Result = unknown>(target: Target, result?: () => Result): Portal<Result>
  /** Connects to an actor. @throws ActorDied when nobody answers there */
  reach(target: Target): Promise<void>
  /** Calls a function in several actors below a root with one message to it; the outcomes in the order of the ids. */
  relay(root: Target, ids: readonly string[], call: RelayedCall): Promise<Outcome[]>
  /** Calls a function in one of several actors: few are being connected to at a time. */
  callInTurn(target: Target, call: RelayedCall): Promise<unknown>
  /** Lets others call actors below this one with one message for several of them. */
  serveRelays(find: (peerId: string) => Target | undefined): void
  /** Says what the built-in functions do that every actor answers for members. */
  serveBuiltins(table: BuiltinTable): void
  /** Runs an exposed function that a peer names in a question. @throws NotExposed, InvalidArgument */
  perform(peer: string, functionId: string, kind: FunctionKind, args: readonly unknown[]): unknown
  /** Whether a child of this process was asked to end through a portal of this process. */
  hasCancelled(id: string): boolean
  /** Lets a namespace be called here that was not known at the start. */
  allow(namespace: string): void
  /** Makes a peer kin that is of another tree, by a key that this actor and that tree alone know. */
  relate(peer: string, key: Uint8Array): void
  unrelate(peer: string): void
  /** Lets the supervisor of an actor, who sees its exit, tell callers here how it died. */
  explainDeath(id: string, death: Promise<ActorDied | undefined>): void
  /** Says that a peer broke a protocol that runs beside calls. */
  breach(peer: string, error: ProtocolError): void
  /** Who hears of every breach, of the calls' protocols too; one at most. */
  onBreach(listener: (peer: string, error: ProtocolError) => void): void
  /** The calls that have not ended, on both sides. */
  underWay(): UnderWay
  /** What was counted here; a brief one leaves out each function's own counts. */
  stats(brief: boolean): ActorStats
  /** Streams of calls that are open, the oldest first. */
  openStreams(): OpenStream[]
  /** Milliseconds of a round trip to each of several actors that are connected, of those that answer in time. */
  roundTrips(peers: readonly ActorRef[], withinMs: number): Promise<Map<string, number>>
  /** Leaves calls without a reply that end by this cancel of the actor: it dies, and that is their outcome. */
  silence(reason: Cancelled): void
  /** Waits for the tasks that run here. */
  idle(): Promise<void>
  /** Waits for the tasks that run here and, for `readMs` at most, until their replies were read; closes every lane. */
  close(readMs?: number): Promise<void>
}

/** Puts the calling and the serving side on a host. */
export async function startRpc(options: RpcOptions): Promise<Rpc> {
  const kinship = new Kinship(options.self.id, options.treeKey, options.stacks)
  const stats = options.stats ?? new Stats()
  const misconduct = new Misconduct((...args) => options.host.drop(...args), stats)
  const owners = new WireOwners(misconduct, stats)
  options.host.onFlood((peer) => misconduct.flood(peer))
  let findBelow: (peerId: string) => Target | undefined = () => undefined
  const relays = new RelayDesk({
    self: options.self,
    call: (peerId, call) => {
      const target = findBelow(peerId)
      return target && caller.callInTurn(target, call)
    },
    refused: () => void (stats.callsRefused += 1),
  })
  const builtins = new Builtins()
  const callee = new Callee({ ...options, kinship, misconduct, stats, relays, builtins })
  for (const namespace of options.namespaces) callee.allow(namespace)
  const caller: Caller = new Caller(options.host, options.self, callee, kinship, owners, stats)
  const wire = (stream: Stream, peer: string): Wire => libp2pWire(stream, owners.of(peer))
  // Also who takes no calls handles the protocols: how many streams it may open is said there.
  const serves = options.serves !== false
  const refuse = (stream: Stream): void => stream.abort(new Error('it takes no calls'))
  await options.host.handle(LANE_PROTOCOL, (stream, peer) =>
    serves ? callee.acceptLane(wire(stream, peer), peer) : refuse(stream),
  )
  await options.host.handle(STREAM_PROTOCOL, (stream, peer) =>
    serves ? callee.acceptStream(wire(stream, peer), peer) : refuse(stream),
  )
  return {
    portal: (target, result) => new Portal(caller, target, result),
    reach: async (target) => await caller.reach(target),
    relay: async (root, ids, call) => await caller.relay(root, ids, call),
    callInTurn: async (target, call) => await caller.callInTurn(target, call),
    serveRelays: (find) => void (findBelow = find),
    serveBuiltins: (table) => builtins.serve(table),
    perform: (peer, functionId, kind, args) => callee.perform(peer, functionId, kind, args),
    hasCancelled: (id) => caller.hasCancelled(id),
    allow: (namespace) => callee.allow(namespace),
    relate: (peer, key) => kinship.relate(peer, key),
    unrelate: (peer) => kinship.unrelate(peer),
    explainDeath: (id, death) => caller.explainDeath(id, death),
    breach: (peer, error) => misconduct.breach(peer, error),
    onBreach: (listener) => void (misconduct.onBreach = listener),
    underWay: () => ({ made: caller.underWay(), served: callee.underWay() }),
    stats: (brief) => stats.read(brief),
    openStreams: () => stats.openStreams().flatMap(openStreamOf),
    roundTrips: async (peers, withinMs) => await caller.roundTrips(peers, withinMs),
    silence: (reason) => callee.silence(reason),
    idle: async () => await callee.idle(),
    close: async (readMs) => {
      await callee.close(readMs)
      caller.close()
    },
  }
}

function openStreamOf({ of, since, itemsReceived, itemsSent, credit, queued }: CountedStream): OpenStream[] {
  return of === undefined ? [] : [{ ...of, since, itemsReceived, itemsSent, credit, queued }]
}
