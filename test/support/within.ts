import { deadline } from './headroom.ts'

/**
 * Settles like the promise, or fails readably when it has not settled in time: nothing of this project ever hangs.
 *
 * @param what what is waited for, in words
 * @param ms milliseconds on an idle machine, scaled by the headroom; default 5,000
 */
export async function within<T>(what: string, promise: PromiseLike<T>, ms = 5_000): Promise<T> {
  const bound = deadline(ms)
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what}: not settled within ${bound} ms`)), bound)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
