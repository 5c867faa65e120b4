import { expect, test } from 'vitest'
import { joinMesh, type JoinedMesh, type Nursery, openNursery } from '../../index.ts'
import { Cancelled } from '../../node/errors.ts'
import { ActorProcess } from '../../nursery/actor-process.ts'
import type { BootMessage } from '../../nursery/boot-message.ts'
import type { CarrierEvents } from '../../nursery/carrier.ts'
import type { StepName } from '../../nursery/report.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { within } from '../support/within.ts'
import { actors, whoAmI } from './fixtures/actors.ts'

expectNothingLeft()

/** Keeps this process from hearing of anything, as if it were starved. */
function starve(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

test('the time between SIGTERM and SIGKILL counts from when SIGTERM was sent, however late that was', async () => {
  const graceMs = 200
  const steps: { step: StepName; at: number }[] = []
  let events: CarrierEvents | undefined
  const unending = new ActorProcess(
    (heard) => {
      events = heard
      return {
        pid: 1,
        noun: 'process',
        gone: false,
        send: () => {},
        kill: (signal) => {
          if (signal === 'SIGKILL') setImmediate(() => heard.onExit('its process was killed by SIGKILL', null))
          return true
        },
        listen: () => {},
      }
    },
    { type: 'boot', name: 'unending' } as BootMessage,
    { graceMs, bootTimeoutMs: 60_000 },
    'process',
    {
      onStep: (step) => void steps.push({ step, at: performance.now() }),
      onAskedToEnd: () => {},
      onObserved: () => {},
    },
  )
  events?.onMessage({ type: 'ready', target: { name: 'unending', id: 'id', addresses: [] } })
  const exited = unending.end(new Cancelled('a test', 'it is over'))
  starve(2 * graceMs)
  await within('its end', exited)
  expect(steps.map(({ step }) => step)).toEqual(['cancel', 'SIGTERM', 'SIGKILL'])
  expect(steps[2]!.at - steps[1]!.at).toBeGreaterThanOrEqual(graceMs / 4 - 1)
})

test('a parent that was starved past its whole ladder uses no force against a process that has ended', async () => {
  const mesh: JoinedMesh = await joinMesh({ name: 'root' })
  const graceMs = deadline(500)
  let nursery: Nursery | undefined
  await openNursery(
    async (opened) => {
      nursery = opened
      const portal = await opened.startActor('obedient', { modules: [actors] })
      await portal.run(whoAmI)
      opened.cancel()
      // The request leaves in this turn; nothing is heard for longer than all steps take.
      setImmediate(() => setImmediate(() => starve(1.5 * graceMs)))
    },
    { graceMs },
  )
  await mesh.leave()
  const [child] = nursery?.report.children ?? []
  expect(child?.outcome).toBe('cancelled')
  expect(child?.steps.map(({ step }) => step)).toEqual(['cancel'])
})
