import type { Discovery } from '../discovery/discovery.ts'
import { startDiscovery } from '../discovery/shell.ts'
import type { Access } from '../discovery/ledger-keeper.ts'
import { OwnMetadata } from '../discovery/own-metadata.ts'
import { profiles } from '../discovery/profile.ts'
import { ActorEvents, eventText } from '../node/actor-events.ts'
import { checkActorName } from '../node/actor-name.ts'
import { CancelScope, outsideScopes, setProcessScope, shareProcess } from '../node/cancel-scope.ts'
import { type Actor, becomeActor } from '../node/current-actor.ts'
import { Cancelled, describeError } from '../node/errors.ts'
import { EXIT_HANDLERS_MS, ExitHandlers } from '../node/exit-handlers.ts'
import { type Host, startHost } from '../node/host.ts'
import { areaLog, nameLogs } from '../node/log.ts'
import { ProcessMeter } from '../node/process-meter.ts'
import { outerRelay, relayAddress } from '../node/relay.ts'
import { MAX_TIMEOUT_MS } from '../node/scopes.ts'
import { isTrace, tracing } from '../node/tracing.ts'
import type { Target } from '../rpc/caller.ts'
import { startRpc } from '../rpc/rpc.ts'
import { Stats } from '../rpc/stats.ts'
import { actantOf, LAST_WORDS_MS } from './acting.ts'
import { type ActorRuntime, becomeRuntime, type LiveNursery } from './actor-runtime.ts'
import { Carriers } from './carriers.ts'
import { prepareChildEntry } from './child-entry.ts'
import type { LanWatch } from '../discovery/lan-watch.ts'
import { watchAddresses } from '../discovery/watch-addresses.ts'
import { Children } from './children.ts'
import { Observation } from './observation.ts'
import type { RuntimeOptions } from './runtime-options.ts'
import { findTracing, recordJoin, watchElections } from './telemetry.ts'

/**
 * Milliseconds that a root waits for calls it still serves, and for its own sockets, before it goes on without them.
 */
const STOP_TIMEOUT_MS = 1_000
/** Milliseconds of a child's grace that are left to what was registered with `onExit`; a quarter of a short grace. */
const RELEASE_MS = 200

/** Boots this process as an actor: host, calls, discovery; resolves when it has heard who else is there. */
export async function startRuntime(options: RuntimeOptions): Promise<ActorRuntime> {
  const at = Date.now()
  await findTracing()
  const from = isTrace(options.trace) ? options.trace : tracing?.trace
  const record = (error?: unknown): void => {
    if (options.isRehearsal !== true) recordJoin(options, at, from, error)
  }
  try {
    // An actor lives longer than the scope that it may have been started in.
    const started = await outsideScopes(async () => await boot(options))
    record()
    return started
  } catch (error) {
    record(error)
    throw error
  }
}

async function boot(options: RuntimeOptions): Promise<ActorRuntime> {
  checkActorName(options.name)
  const { name, identity } = options
  const prepared = options.carriers === undefined ? prepareChildEntry() : undefined
  const scope = new CancelScope()
  const stops: (() => unknown)[] = [() => scope.close()]
  try {
    const statespace = { ...options.statespace }
    const exits = new ExitHandlers()
    const { secrets, listen, announce, door, relays, relay, portMapping } = options
    const metrics = options.metrics?.component
    const host: Host =
      options.host ??
      (await startHost({ identity, secret: secrets, listen, announce, door, relays, relay, portMapping, metrics }))
    stops.push(async () => await host.stop())
    let addresses: readonly string[] = host.addresses()
    const self: Target = {
      name,
      id: identity.peerId,
      get addresses() {
        return addresses
      },
    }
    const stats = new Stats()
    const metadata = new OwnMetadata(options.metadata)
    const actor: Actor = {
      name,
      id: self.id,
      get addresses() {
        return addresses
      },
      statespace,
      get signal() {
        return scope.signal
      },
      get tags() {
        return metadata.value.tags ?? []
      },
      get groups() {
        return metadata.value.groups ?? []
      },
      get version() {
        return metadata.value.version
      },
      setTags: (tags) => metadata.setTags(tags),
      metricsUrl: options.metrics?.url,
      log: areaLog('actor'),
      stats: () => stats.read(),
      onExit: (release) => exits.add(release),
    }
    if (options.sharesProcess === true) shareProcess(scope, name)
    else stops.push(setProcessScope(scope, name))
    stops.push(becomeActor(actor, scope))
    const events = new ActorEvents(self)
    const observation = new Observation(events, nameLogs(name, self.id, scope))
    const meter = new ProcessMeter(options.isThread === true)
    stops.push(() => meter.close())
    let namespaces: readonly string[] = options.modules.flatMap(({ namespace }) => namespace ?? [])
    let known: Discovery | undefined
    const rpc = await startRpc({
      host,
      self,
      scope,
      namespaces,
      onCancelActor: (asked, peer) => {
        const by = actantOf(known, peer, asked.by)
        events.emit({ type: 'act', act: 'cancel', by, target: { name, id: self.id }, why: eventText(asked.why) })
        const reason = new Cancelled(by.name === '' ? asked.by : by.name, asked.why)
        if (observation.observers > 0) setTimeout(() => scope.cancel(reason), LAST_WORDS_MS)
        else scope.cancel(reason)
      },
      treeKey: options.treeKey,
      stacks: options.stacks,
      stats,
    })
    stops.push(async () => await rpc.close())
    // A handshake waits for the other process, half of the time: meanwhile this one loads. Who refuses is met again.
    const { parent } = options
    if (parent !== undefined) host.connect(parent.id, parent.addresses).catch(() => {})
    if (options.owner !== undefined) host.connect(options.owner.id, options.owner.addresses).catch(() => {})
    if (options.load !== undefined) {
      namespaces = await options.load(self)
      for (const namespace of namespaces) rpc.allow(namespace)
      // The modules may have brought an SDK.
      await findTracing()
    }
    const root = options.root ?? self.id
    const discovery = (known = await startDiscovery({
      host,
      identity,
      rpc,
      scope,
      self,
      root,
      mesh: options.mesh,
      parent: options.parent,
      parentInc: options.parentInc,
      modules: namespaces,
      metadata,
      profile: profiles[options.profile],
      quorum: options.quorum,
      votes: options.votes,
      rendezvous: options.rendezvous,
      join: options.join,
      onCreated: (created) => {
        if (options.isRehearsal !== true) stops.push(watchElections(created))
      },
    }))
    stops.push(async () => await discovery.close())
    const isRelay = relays === true || relays === 'members'
    const relayBelow = (): string | undefined =>
      relay ?? outerRelay(self.addresses) ?? (isRelay ? relayAddress(self.addresses) : undefined)
    const carriers =
      options.carriers ??
      new Carriers(
        () => ({ secrets: secrets.valid(), parent: self, relay: relayBelow(), depth: options.depth + 1 }),
        options.warmActors,
      )
    stops.push(async () => await carriers.close())
    let { banned } = options
    if (banned.length > 0) discovery.ban(banned)
    const { files } = options
    if (files !== undefined) {
      // the roots of named meshes alone, and no child, which boots without it
      const { LedgerKeeper } = await import('../discovery/ledger-keeper.ts')
      const onChange = (access: Access): void => {
        banned = access.banned
        carriers.tell({ type: 'access', ...access })
      }
      const keeper = await LedgerKeeper.start({ host, identity, self, scope, secrets, discovery, files, onChange })
      stops.push(async () => await keeper.close())
    }
    if (options.places !== undefined && options.places.length > 0) {
      const { PlaceWatch } = await import('../discovery/place-watch.ts')
      const watch = new PlaceWatch({ host, discovery, places: options.places })
      stops.push(() => watch.close())
      await atMost(profiles[options.profile].joinWait, watch.first)
    }
    const through = options.through ?? []
    if (through.length > 0) {
      const { RelayPlaces } = await import('../node/relay-places.ts')
      const relayed = new RelayPlaces(host, through)
      stops.push(() => relayed.close())
      await atMost(profiles[options.profile].joinWait, relayed.first)
      // actors below are started with the relay of this one
      addresses = host.addresses()
      await discovery.moved(addresses)
    } else if (relay !== undefined && options.root !== undefined && !relay.endsWith(options.root)) {
      const { RelayPlaces } = await import('../node/relay-places.ts')
      const peerId = relay.slice(relay.lastIndexOf('/') + 1)
      const relayed = new RelayPlaces(host, [{ peerId, addrs: [relay] }])
      stops.push(() => relayed.close())
    }
    if (portMapping !== undefined && portMapping !== false) {
      const { watchPortMapping } = await import('../node/port-mapping.ts')
      stops.push(watchPortMapping(host))
    }
    let lan: LanWatch | undefined
    if (options.mdns === true) {
      const { LanWatch } = await import('../discovery/lan-watch.ts')
      lan = await LanWatch.open({ host, discovery, secrets })
      stops.push(async () => await lan?.close())
    }
    const nurseries = new Map<LiveNursery, Promise<void>>()
    const track = async <T>(nursery: LiveNursery, run: () => Promise<T>): Promise<T> => {
      const ended = Promise.withResolvers<void>()
      nurseries.set(nursery, ended.promise)
      try {
        return await run()
      } finally {
        nurseries.delete(nursery)
        ended.resolve()
      }
    }
    const stop = once(async (why: string | Cancelled) => {
      scope.cancel(why)
      discovery.leave()
      // Their ladders are their bound.
      await Promise.all(nurseries.values())
      // Tasks use what is released after them; some of the grace is left for that.
      const { graceMs = STOP_TIMEOUT_MS } = options
      await atMost(graceMs - Math.min(RELEASE_MS, graceMs / 4), rpc.idle())
      await exits.run(Math.min(EXIT_HANDLERS_MS, options.graceMs ?? Infinity))
      // A busy parent takes its time to read why its children failed; its own ladder is their bound.
      await atMost(graceMs, rpc.close(options.graceMs))
      await stopAll(stops)
    })
    const started: ActorRuntime = {
      options,
      actor,
      self,
      root,
      get relay() {
        return relayBelow()
      },
      scope,
      host,
      rpc,
      discovery,
      carriers,
      children: new Children(observation),
      events,
      observation,
      meter,
      startedAt: stats.since,
      get banned() {
        return banned
      },
      admit: (access) => {
        banned = access.banned
        secrets.set(access.secrets)
        discovery.ban(banned)
        carriers.tell({ type: 'access', ...access })
      },
      track,
      nurseries: () => [...nurseries.keys()],
      atEnd: (act) => void stops.push(act),
      // What is released at the end is the actor's own code.
      stop: async (why) => await CancelScope.beside(scope).run(stop, why),
    }
    stops.push(becomeRuntime(started))
    await Promise.all([discovery.joined(), prepared])
    const onMove = (now: readonly string[]): void => {
      addresses = now
      discovery.moved(now).catch((error: unknown) => {
        areaLog('nursery').warn(`others are not told of new addresses of ${name}: ${describeError(error)}`)
      })
      lan?.moved()
    }
    stops.push(watchAddresses(host, discovery, addresses, onMove))
    // Below, most actors start none themselves: theirs are booted from the first one on.
    if (options.startMethod === 'warm' && options.depth === 0) carriers.warmUp()
    return started
  } catch (error) {
    scope.cancel('the actor did not start')
    await stopAll(stops)
    throw error
  }
}

/** The last one that was started is stopped first; each within a bound, so that nothing outlives its block. */
async function stopAll(stops: (() => unknown)[]): Promise<void> {
  for (const stop of stops.splice(0).reverse()) {
    try {
      await atMost(STOP_TIMEOUT_MS, stop())
    } catch (error) {
      areaLog('nursery').warn('while the actor stopped', error)
    }
  }
}

async function atMost(ms: number, work: unknown): Promise<void> {
  const over = Promise.withResolvers<void>()
  const timer = setTimeout(over.resolve, Math.min(ms, MAX_TIMEOUT_MS))
  try {
    await Promise.race([work, over.promise])
  } finally {
    clearTimeout(timer)
  }
}

function once<A extends unknown[]>(act: (...args: A) => Promise<void>): (...args: A) => Promise<void> {
  let running: Promise<void> | undefined
  return (...args) => (running ??= act(...args))
}
