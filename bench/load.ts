/** Work done a second by `inFlight` loops that each await one round trip after another, for about `windowMs`. */
export async function ratePerSecond(
  inFlight: number,
  windowMs: number,
  once: () => Promise<unknown>,
): Promise<{ rate: number; done: number }> {
  const start = performance.now()
  let done = 0
  const loop = async (): Promise<void> => {
    while (performance.now() - start < windowMs) {
      await once()
      done += 1
    }
  }
  await Promise.all(Array.from({ length: inFlight }, loop))
  return { rate: (done * 1_000) / (performance.now() - start), done }
}

/** One round trip after another for about `windowMs`, with the microseconds of each. */
export async function roundTrips(
  windowMs: number,
  once: () => Promise<unknown>,
): Promise<{ rate: number; ms: number; us: number[] }> {
  const us: number[] = []
  const start = performance.now()
  for (let before = start; before - start < windowMs;) {
    await once()
    const after = performance.now()
    us.push((after - before) * 1_000)
    before = after
  }
  const ms = performance.now() - start
  return { rate: (us.length * 1_000) / ms, ms, us }
}
