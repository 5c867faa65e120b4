import { describe, expect, test } from 'vitest'
import { profiles } from '../../discovery/profile.ts'

describe.each(Object.values(profiles))('the times of $name', (profile) => {
  test('a lease outlives two lost beats', () => expect(profile.lease).toBeGreaterThanOrEqual(3 * profile.beat))

  test('a ballot and the head starts of a committee fit into a lease', () => {
    expect(profile.ballot + 5 * profile.rankDelay).toBeLessThan(profile.lease)
  })

  test('a death is verified sooner than a lease runs out', () => expect(profile.grace).toBeLessThan(profile.lease))

  test('joining is tried more than once', () => expect(profile.joinWait).toBeGreaterThan(2 * profile.joinRetry))

  test('what is hidden or ended is remembered for many syncs', () => {
    expect(profile.hiddenTtl).toBeGreaterThan(5 * profile.sync)
    expect(profile.tombstoneTtl).toBeGreaterThan(profile.hiddenTtl)
    expect(profile.lostTtl).toBeGreaterThan(profile.tombstoneTtl)
  })
})
