import { randomBytes } from 'node:crypto'
import type { Metadata } from '../discovery/metadata.ts'
import { InvalidArgument } from '../node/errors.ts'
import type { Target } from '../rpc/caller.ts'
import type { ExposedModule } from '../rpc/exposed.ts'
import { TREE_KEY_BYTES } from '../rpc/kinship.ts'
import { ActorProcess, type ProcessEvents } from './actor-process.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { MAX_DEPTH } from './lifeline.ts'
import { type BootRequest, makeBootMessage } from './make-boot-message.ts'
import type { ActorSpec } from './nursery-options.ts'
import type { PlacedCarrier } from './placement/placed-carrier.ts'
import { type ChildPage, whyCancelled } from './report.ts'
import { endWithBoot, spawnSpan } from './telemetry.ts'

let placing: { readonly PlacedCarrier: typeof PlacedCarrier } | undefined

/** Loads what places actors on other hosts: few programs use it. */
export async function preparePlacing(): Promise<void> {
  placing ??= await import('./placement/placed-carrier.ts')
}

/**
 * Starts the process of an actor: below this one, or on another host, for which {@link preparePlacing} comes first.
 *
 * @param avoid peer id of a host that was lost a moment ago
 * @throws InvalidArgument when the tree would grow too deep
 */
export function spawnActor(runtime: ActorRuntime, spec: ActorSpec, page: ChildPage, avoid?: string): ActorProcess {
  const span = spawnSpan(spec, runtime.self, page.restartCount)
  const process =
    spec.on === undefined
      ? spawnHere(runtime, spec, page, span?.trace)
      : spawnElsewhere(runtime, spec, page, span?.trace, avoid)
  page.spawned(process)
  void process.ready.then(
    () => runtime.children.add(process),
    () => {},
  )
  if (span !== undefined) void endWithBoot(span, process.ready)
  return process
}

function spawnHere(runtime: ActorRuntime, spec: ActorSpec, page: ChildPage, trace: string | undefined): ActorProcess {
  const { self, options: own, carriers } = runtime
  const { name, startMethod, stdio, limits } = spec
  if (own.depth + 1 > MAX_DEPTH)
    throw new InvalidArgument(`'${name}' would be ${own.depth + 1} levels below its root, the most is ${MAX_DEPTH}`)
  // Nobody could reap the processes of a thread that was ended by force.
  if (own.isThread && startMethod !== 'thread')
    throw new InvalidArgument(
      `'${name}' would be a process below a thread: use startMethod 'thread', or start ${self.name} as a process`,
    )
  const process = new ActorProcess(
    (events) => carriers.start(startMethod, { name, stdio, limits }, events),
    makeBootMessage(runtime, { ...requestFrom(runtime, spec), modules: spec.modules.map(known), trace }),
    spec,
    startMethod,
    eventsOf(runtime, page),
  )
  // Not before this one is an actor: the boot of the next ones would slow it.
  if (startMethod === 'warm')
    void process.ready.then(
      () => carriers.warmUp(),
      () => {},
    )
  return process
}

/** A tree of its own as far as stacks are concerned: the key of this one stays here. */
function spawnElsewhere(
  runtime: ActorRuntime,
  spec: ActorSpec,
  page: ChildPage,
  trace: string | undefined,
  avoid: string | undefined,
): ActorProcess {
  const { PlacedCarrier: Carrier } = placing!
  const treeKey = new Uint8Array(randomBytes(TREE_KEY_BYTES))
  return new ActorProcess(
    (events) => new Carrier({ runtime, spec, on: spec.on!, avoid }, events),
    makeBootMessage(runtime, { ...requestFrom(runtime, spec), treeKey, trace }),
    spec,
    'process',
    eventsOf(runtime, page),
  )
}

function eventsOf(runtime: ActorRuntime, page: ChildPage): ProcessEvents {
  return {
    onStep: (step, why) => page.step(step, why),
    onAskedToEnd: (reason) => page.askedToEnd(whyCancelled(reason)),
    onObserved: (items) => runtime.observation.fromBelow(items),
  }
}

function requestFrom({ options: own }: ActorRuntime, spec: ActorSpec): BootRequest {
  const { name, statespace, metadata, logLevel, graceMs, limits } = spec
  return {
    name,
    modules: [],
    statespace,
    metadata: { ...inherited(own.metadata), ...metadata },
    logLevel,
    graceMs,
    limits,
  }
}

function known(module: ExposedModule | string): ExposedModule {
  if (typeof module !== 'string') return module
  throw new InvalidArgument(
    `module '${module}' is named by package and path: that is for actors on other hosts, say 'on' as well`,
  )
}

/** The same program runs there, unless it is said otherwise. */
function inherited({ version }: Metadata): Metadata {
  return version === undefined ? {} : { version }
}

/**
 * Resolves when a process has become an actor.
 *
 * @throws BootFailed, or the reason of a cancel, once the process is gone: whoever hears of it may rely on that
 */
export async function untilReady(runtime: ActorRuntime, process: ActorProcess, page: ChildPage): Promise<Target> {
  const target = await process.ready.catch(async (error: unknown) => {
    await process.exited
    throw error
  })
  page.up(target.id)
  runtime.rpc.explainDeath(
    target.id,
    process.exited.then(({ death }) => death),
  )
  return target
}
