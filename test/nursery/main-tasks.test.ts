import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import type { ActorProcess } from '../../nursery/actor-process.ts'
import type { ActorRuntime } from '../../nursery/actor-runtime.ts'
import { Family } from '../../nursery/family.ts'
import { LINGER_MS, MainTasks } from '../../nursery/main-tasks.ts'
import { ChildPage } from '../../nursery/report.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function oneShots(): { scope: CancelScope; start: (main: Promise<unknown>) => ReturnType<typeof vi.fn> } {
  const scope = new CancelScope()
  const runtime = { actor: { name: 'root' }, rpc: { hasCancelled: () => false } } as unknown as ActorRuntime
  const tasks = new MainTasks(runtime, new Family('root', scope), scope)
  return {
    scope,
    start: (main) => {
      const end = vi.fn(async () => ({ kind: 'shutdown', death: undefined }))
      const process = { exited: new Promise(() => {}), end } as unknown as ActorProcess
      void tasks.supervise(process, 'id', main, new ChildPage('one-shot', 'a'))
      return end
    },
  }
}

test('a one-shot that is done stays for one that is not, within a bound', async () => {
  const { start } = oneShots()
  start(new Promise(() => {}))
  const end = start(Promise.resolve('done'))
  await vi.advanceTimersByTimeAsync(LINGER_MS - 1)
  expect(end).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(end).toHaveBeenCalledOnce()
})

test('it ends at once when nobody else runs, or the nursery is cancelled', async () => {
  const alone = oneShots().start(Promise.resolve('done'))
  await vi.advanceTimersByTimeAsync(0)
  expect(alone).toHaveBeenCalledOnce()

  const { scope, start } = oneShots()
  start(new Promise(() => {}))
  const end = start(Promise.resolve('done'))
  await vi.advanceTimersByTimeAsync(0)
  expect(end).not.toHaveBeenCalled()
  scope.cancel('enough')
  await vi.advanceTimersByTimeAsync(0)
  expect(end).toHaveBeenCalledOnce()
})
