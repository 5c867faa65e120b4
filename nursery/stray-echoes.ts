import { isStrayEcho } from '../node/echoes.ts'

/**
 * Takes the echo of a cancel in a promise that nobody awaits for what it is, while a root owns its process: a program
 * that is asked to end must not crash for it. Any other rejection is left to Node, or to who else listens for it.
 *
 * @returns the function that undoes it
 */
export function passOverStrayEchoes(): () => void {
  const onRejection = (reason: unknown): void => {
    if (isStrayEcho(reason) || process.listenerCount('unhandledRejection') > 1) return
    // As Node does on its own: it becomes an error that nobody catches.
    throw reason
  }
  process.on('unhandledRejection', onRejection)
  return () => process.off('unhandledRejection', onRejection)
}
