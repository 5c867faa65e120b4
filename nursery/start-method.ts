import { InvalidArgument } from '../node/errors.ts'

/**
 * How an actor is started: a process of its own, one that was booted beforehand and waits for its name, or a thread of
 * this process.
 */
export type StartMethod = (typeof START_METHODS)[number]
const START_METHODS = ['process', 'warm', 'thread'] as const

/** @throws InvalidArgument when there is no such method */
export function checkStartMethod(method: StartMethod): void {
  if (!START_METHODS.includes(method))
    throw new InvalidArgument(`startMethod '${String(method)}' is unknown: use one of ${START_METHODS.join(', ')}`)
}
