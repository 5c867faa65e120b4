import { parentPort, workerData } from 'node:worker_threads'
import type { ChildMessage, ParentMessage } from './boot-message.ts'
import type { ThreadData } from './thread-carrier.ts'

/** The private channel to the parent, seen from its child, whether that is a process or a thread. */
export interface ParentChannel {
  /** Resolves when the message has left, or there is nobody to tell. */
  tell(message: ChildMessage): Promise<void>
  /** Ends the process, or the thread, when what it wrote has left. */
  exit(code: number): Promise<never>
  /** Whether this is a thread of the parent's process, and ends with that in any case. */
  readonly isThread: boolean
}

interface ParentEvents {
  onMessage(message: ParentMessage): void
  onGone(): void
}

export function openParentChannel(events: ParentEvents): ParentChannel {
  const data = workerData as ThreadData | null
  return data?.greenroomThread === true ? ofThread(events) : ofProcess(events)
}

function ofProcess(events: ParentEvents): ParentChannel {
  // The channel is private. Libraries that find `process.send` take whoever started them for a process manager and
  // talk to it.
  const send = process.send?.bind(process)
  delete process.send
  process.on('message', (message: ParentMessage) => events.onMessage(message))
  process.once('disconnect', () => events.onGone())
  return {
    isThread: false,
    tell: async (message) =>
      await new Promise<void>((resolve) => {
        if (send === undefined || !process.connected) resolve()
        else send(message, undefined, undefined, () => resolve())
      }),
    exit: async (code) => await Promise.resolve(process.exit(code)),
  }
}

function ofThread(events: ParentEvents): ParentChannel {
  const port = parentPort!
  port.on('message', (message: ParentMessage) => events.onMessage(message))
  port.once('close', () => events.onGone())
  return {
    isThread: true,
    tell: async (message) => await Promise.resolve(port.postMessage(message)),
    exit: async (code) => {
      // A thread's streams pass through its process, which an exit does not wait for.
      await Promise.all([process.stdout, process.stderr].map((stream) => new Promise((done) => stream.write('', done))))
      return process.exit(code)
    },
  }
}
