import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as exitHandlers from '../../node/exit-handlers.ts'
import * as actorProcess from '../../nursery/actor-process.ts'
import * as actorTree from '../../nursery/actor-tree.ts'
import * as hostLink from '../../nursery/placement/host-link.ts'
import * as hostingOptions from '../../nursery/placement/hosting-options.ts'
import * as placementTimes from '../../nursery/placement/placement-times.ts'
import * as lifeline from '../../nursery/lifeline.ts'
import * as processLimits from '../../nursery/limits.ts'
import * as mainTasks from '../../nursery/main-tasks.ts'
import * as nurseryOptions from '../../nursery/nursery-options.ts'
import * as processSignals from '../../nursery/process-signals.ts'
import * as warmPool from '../../nursery/warm-pool.ts'

const page = readFileSync(new URL('../../docs/lifetimes.md', import.meta.url), 'utf8')
const limits: Record<string, unknown> = {
  ...exitHandlers,
  ...actorProcess,
  ...actorTree,
  ...lifeline,
  ...hostLink,
  ...hostingOptions,
  ...placementTimes,
  ...processLimits,
  ...mainTasks,
  ...nurseryOptions,
  ...processSignals,
  ...warmPool,
}
const rows = [...page.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]+) \|$/gm)].map(([, names = '', text = '']) => ({
  names: [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
  text,
}))

test('the page on lifetimes lists bounds', () => expect(rows.length).toBeGreaterThan(10))

test.each(rows)('$names are as the page on lifetimes says', ({ names, text }) => {
  const numbers = [...text.matchAll(/\d[\d,.]*/g)].map(([digits]) => Number(digits.replaceAll(',', '')))
  expect(numbers).toEqual(expect.arrayContaining(names.map((name) => limits[name])))
})
