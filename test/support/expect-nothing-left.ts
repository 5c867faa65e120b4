import { afterEach, beforeEach } from 'vitest'
import { watchLeftovers as watchHeld } from '../../testing/leftovers.ts'
import { eventually } from './eventually.ts'
import { deadline } from './headroom.ts'
import { rootsLeft } from './runtime-dir.ts'

/**
 * Ends every test of the file, or of the `describe` block, with the law of this project: no child process, no timer,
 * socket or file handle beyond those at the start, no root in the test's runtime directory.
 *
 * @param ms milliseconds on an idle machine in which everything has to be gone; default 3,000
 */
export function expectNothingLeft(ms = 3_000): void {
  let check: (() => Promise<void>) | undefined
  beforeEach(() => {
    check = watchLeftovers(ms)
  })
  afterEach(async () => await check?.())
}

/**
 * Remembers what this process holds now; the returned function waits until it holds no more than that.
 *
 * @throws Error naming what is left
 */
export function watchLeftovers(ms = 3_000): () => Promise<void> {
  const expectNoneHeld = watchHeld(deadline(ms))
  return async () => {
    await expectNoneHeld()
    await eventually('no root is left', () => expectNone(rootsLeft()), ms)
  }
}

function expectNone(left: readonly string[]): true {
  if (left.length > 0) throw new Error(`there is ${left.join(', ')}`)
  return true
}
