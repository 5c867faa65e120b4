import type { BootMessage, ChildMessage, ParentMessage } from './boot-message.ts'
import { isEcho } from '../node/cancel-scope.ts'
import { Cancelled, InvalidArgument } from '../node/errors.ts'
import { openIdentity } from '../node/identity.ts'
import { setLogLevel } from '../node/log.ts'
import { encodeFailure } from '../rpc/error-codec.ts'
import { exposedNamespace } from '../rpc/exposed.ts'
import { type ActorRuntime, startRuntime } from './actor-runtime.ts'
import { useChildEntry } from './child-entry.ts'
import { holdLifelines } from './lifeline.ts'

/**
 * The entry file of a child process. It imports nothing of the user's until its parent has sent, over the private
 * channel, which modules it was given.
 */

let runtime: ActorRuntime | undefined
let self = { name: `process ${process.pid}`, id: '' }
/** Whether the parent, which is of this actor's tree, is told stacks. */
let stacks = true
let ending = false

// The channel is private. Libraries that find `process.send` take whoever started them for a process manager and talk
// to it.
const send = process.send?.bind(process)
delete process.send

useChildEntry(process.argv[1]!)

// A terminal sends SIGINT to the whole process group: the root decides and cancels its tree in order. SIGTERM is not
// trapped: a handler would make a busy child immune to it.
process.on('SIGINT', () => {})
process.on('message', (message: ParentMessage) => {
  if (message.type === 'boot') void boot(message)
  else void end(new Cancelled(message.by, message.why))
})
process.once('disconnect', () => void end(new Cancelled('the parent', 'it is gone')))
process.on('uncaughtException', (error) => void crash(error))
process.on('unhandledRejection', (error) => void crash(error))

async function boot(message: BootMessage): Promise<void> {
  self = { name: message.name, id: '' }
  stacks = message.stacks !== 'none'
  setLogLevel(message.logLevel)
  holdLifelines(message.depth, () => void end(new Cancelled('an ancestor', 'it is gone')))
  let module: string | undefined
  try {
    runtime = await startRuntime({ ...message, identity: await openIdentity() })
    self = runtime.self
    for (const { url, namespace } of message.modules) {
      module = url
      await import(url)
      if (exposedNamespace(namespace) === undefined)
        throw new InvalidArgument(
          `it does not expose '${namespace}' when imported here: call expose() at its top level`,
        )
    }
    runtime.scope.onCancel((reason) => void end(reason))
    await tell({ type: 'ready', target: runtime.self })
  } catch (error) {
    await tell({ type: 'bootFailed', failure: encodeFailure(error, self, stacks), module })
    process.exit(1)
  }
}

/** Ends the actor because somebody asked it to: its tasks are cancelled, clean up and reply, then the process exits. */
async function end(reason: Cancelled): Promise<void> {
  if (ending) return
  ending = true
  await tell({ type: 'cancelled', by: reason.by, why: reason.why })
  await runtime?.stop(reason)
  process.exit(0)
}

/**
 * The echo of a cancel, of the actor or of one call, in a promise that nobody awaits is no failure; anything else
 * ends the actor.
 */
async function crash(error: unknown): Promise<void> {
  const reason = error instanceof Error && error.name === 'AbortError' ? error.cause : error
  if (reason instanceof Cancelled || isEcho(error, runtime?.scope.reason)) return
  await tell({ type: 'crashed', failure: encodeFailure(error, self, stacks) })
  await runtime?.release()
  process.exit(1)
}

/** Resolves when the message has left, or there is nobody to tell. */
async function tell(message: ChildMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    if (send === undefined || !process.connected) resolve()
    else send(message, undefined, undefined, () => resolve())
  })
}
