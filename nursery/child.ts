import type { AccessMessage, BootMessage, PrepareMessage } from './boot-message.ts'
import { isEcho, isStrayEcho } from '../node/echoes.ts'
import { Cancelled, describeError } from '../node/errors.ts'
import { type Host, startHost } from '../node/host.ts'
import { type Identity, openIdentity } from '../node/identity.ts'
import { areaLog, setLogLevel } from '../node/log.ts'
import { MeshSecrets } from '../node/mesh-secrets.ts'
import { encodeFailure } from '../rpc/error-codec.ts'
import type { ActorRuntime } from './actor-runtime.ts'
import { startRuntime } from './start-runtime.ts'
import { Answering } from './answering.ts'
import { useChildEntry } from './child-entry.ts'
import { importModule } from './import-module.ts'
import { holdLifelines } from './lifeline.ts'
import type { ActorLimits } from './limits.ts'
import { openParentChannel } from './parent-channel.ts'
import { outliveTerminal } from './process-signals.ts'
import { rehearse } from './rehearsal.ts'
import { measureActor } from './measure-actor.ts'

/**
 * The entry file of a child, process or thread. It imports nothing of the user's until its parent has sent, over the private
 * channel, which modules it was given.
 */

let runtime: ActorRuntime | undefined
let self = { name: `process ${process.pid}`, id: '' }
/** Whether the parent, which is of this actor's tree, is told stacks. */
let stacks = true
let prepared: { identity: Identity; host: Host } | undefined
let answering: Answering | undefined
let secrets: MeshSecrets | undefined
/** What was heard of who may connect while this was not an actor yet. */
let access: AccessMessage | undefined
let ending = false
let crashed = false

useChildEntry(process.argv[1]!)

const parent = openParentChannel({
  onMessage: (message) => {
    if (message.type === 'boot') void boot(message)
    else if (message.type === 'prepare') void prepare(message)
    else if (message.type === 'access') admit(message)
    else if (message.type === 'cancel') void end(new Cancelled(message.by, message.why))
    else void answering?.ask(message)
  },
  onGone: () => void end(new Cancelled('the parent', 'it is gone')),
})
// A terminal sends SIGINT, and SIGHUP when it goes away, to the whole process group, and some tools send SIGUSR2 to all
// of a tree: the root decides, and cancels its tree in order. SIGTERM is not trapped: a handler would make a busy child
// immune to it.
process.on('SIGINT', () => {})
process.on('SIGHUP', outliveTerminal)
process.on('SIGUSR2', () => {})
process.on('uncaughtException', (error) => void crash(error))
process.on('unhandledRejection', (error) => void crash(error))

/** What is the same whatever the actor will be called, done while nobody waits for it. */
async function prepare({ secrets: known, relay, parent: { id, addresses }, depth }: PrepareMessage): Promise<void> {
  hold(depth, {})
  const identity = await openIdentity()
  secrets = new MeshSecrets(known)
  const host = await startHost({ identity, secret: secrets, relay, listen: 'near' })
  prepared = { identity, host }
  await host.connect(id, addresses)
  await rehearse()
  await parent.tell({ type: 'prepared' })
}

async function boot(message: BootMessage): Promise<void> {
  self = { name: message.name, id: '' }
  stacks = message.stacks !== 'none'
  setLogLevel(message.logLevel)
  if (!parent.isThread) process.title = `greenroom: ${message.name}`
  if (prepared === undefined) hold(message.depth, message.limits)
  let module: string | undefined
  access = undefined
  secrets ??= new MeshSecrets(message.secrets)
  secrets.set(message.secrets)
  try {
    for (const url of message.preload) {
      module = url
      await import(url)
    }
    module = undefined
    runtime = await startRuntime({
      ...message,
      secrets,
      listen: 'near',
      ...(prepared === undefined ? { identity: await openIdentity() } : { ...prepared, isWarm: true }),
      ...(parent.isThread ? { isThread: true, startMethod: 'thread' } : {}),
      load: async (target) => {
        self = target
        const namespaces: string[] = []
        for (const one of message.modules) {
          module = one.url
          namespaces.push(...(await importModule(one)))
        }
        module = undefined
        return namespaces
      },
    })
    answering = new Answering(runtime, (told) => void parent.tell(told))
    await measureActor(runtime)
    runtime.scope.onCancel((reason) => void end(reason))
    if (access !== undefined) admit(access)
    await parent.tell({ type: 'ready', target: runtime.self })
  } catch (error) {
    await parent.tell({ type: 'bootFailed', failure: encodeFailure(error, self, stacks), module })
    await parent.exit(1)
  }
}

function hold(depth: number, limits: ActorLimits): void {
  if (!parent.isThread) holdLifelines(depth, limits, () => void end(new Cancelled('an ancestor', 'it is gone')))
}

/** The secret of the mesh has changed, or somebody is banned or no longer so. */
function admit(message: AccessMessage): void {
  access = message
  secrets?.set(message.secrets)
  runtime?.admit(message)
}

/** Ends the actor because somebody asked it to: its tasks are cancelled, clean up and reply, then the process exits. */
async function end(reason: Cancelled): Promise<void> {
  if (ending) return
  ending = true
  answering?.flush()
  await parent.tell({ type: 'cancelled', by: reason.by, why: reason.why })
  await runtime?.stop(reason)
  if (!crashed) await parent.exit(0)
}

/**
 * The echo of a cancel, of the actor or of one call, in a promise that nobody awaits is no failure; anything else
 * ends the actor. Its tasks are cancelled first, so that their `finally` blocks run: the parent, which has begun its
 * ladder by then, sees to the end of that.
 */
async function crash(error: unknown): Promise<void> {
  if (isStrayEcho(error) || isEcho(error, runtime?.scope.reason)) return
  if (crashed) return areaLog('nursery').error('nobody caught this either, while the actor ended', error)
  crashed = true
  const reason = new Cancelled(self.name, `nobody caught an error there (${describeError(error)})`)
  const wasEnding = ending
  ending = true
  await parent.tell({ type: 'crashed', failure: encodeFailure(error, self, stacks) })
  if (!wasEnding) runtime?.rpc.silence(reason)
  await runtime?.stop(reason)
  await parent.exit(1)
}
