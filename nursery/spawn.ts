import type { Metadata } from '../discovery/metadata.ts'
import { InvalidArgument } from '../node/errors.ts'
import type { Target } from '../rpc/caller.ts'
import { ActorProcess } from './actor-process.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { MAX_DEPTH } from './lifeline.ts'
import type { ActorSpec } from './nursery-options.ts'
import { type ChildPage, whyCancelled } from './report.ts'
import { endWithBoot, spawnSpan } from './telemetry.ts'

/** Starts the process of an actor below this one. @throws InvalidArgument when the tree would grow too deep */
export function spawnActor(runtime: ActorRuntime, spec: ActorSpec, page: ChildPage): ActorProcess {
  const { self, root, relay, options: own, discovery, carriers } = runtime
  const { name, modules, statespace, metadata, logLevel, graceMs, bootTimeoutMs, startMethod, stdio, limits } = spec
  if (own.depth + 1 > MAX_DEPTH)
    throw new InvalidArgument(`'${name}' would be ${own.depth + 1} levels below its root, the most is ${MAX_DEPTH}`)
  // Nobody could reap the processes of a thread that was ended by force.
  if (own.isThread && startMethod !== 'thread')
    throw new InvalidArgument(
      `'${name}' would be a process below a thread: use startMethod 'thread', or start ${self.name} as a process`,
    )
  const span = spawnSpan(spec, self, page.restartCount)
  const process = new ActorProcess(
    (events) => carriers.start(startMethod, { name, stdio, limits }, events),
    {
      type: 'boot',
      name,
      mesh: own.mesh,
      secret: own.secret,
      treeKey: own.treeKey,
      parent: self,
      parentInc: discovery.inc,
      root,
      relay,
      depth: own.depth + 1,
      graceMs,
      modules,
      statespace,
      metadata: { ...inherited(own.metadata), ...metadata },
      logLevel,
      profile: own.profile,
      quorum: own.quorum,
      stacks: own.stacks,
      startMethod: own.startMethod,
      warmActors: own.warmActors,
      limits,
      preload: own.preload ?? [],
      trace: span?.trace,
    },
    { graceMs, bootTimeoutMs },
    startMethod,
    {
      onStep: (step, why) => page.step(step, why),
      onAskedToEnd: (reason) => page.askedToEnd(whyCancelled(reason)),
      onObserved: (items) => runtime.observation.fromBelow(items),
    },
  )
  page.spawned(process)
  void process.ready.then(
    () => runtime.children.add(process),
    () => {},
  )
  if (span !== undefined) void endWithBoot(span, process.ready)
  // Not before this one is an actor: the boot of the next ones would slow it.
  if (startMethod === 'warm')
    void process.ready.then(
      () => carriers.warmUp(),
      () => {},
    )
  return process
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
