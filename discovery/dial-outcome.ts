import type { DialOutcome } from './core/input.ts'

/** What a failed dial says: `refused`, unlike a timeout, is a certain no, since nobody listens there or somebody else does. */
export function outcomeOf(error: unknown): Exclude<DialOutcome, 'reached'> {
  return isRefusal(error) ? 'refused' : 'failed'
}

function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(isRefusal)
  const { code, name } = error as { code?: unknown; name: string }
  return code === 'ECONNREFUSED' || name === 'UnexpectedPeerError' || isRefusal(error.cause)
}

/** Whether somebody answered who may have another secret: libp2p keeps of such an error its message alone. */
export function isSecretRefused(error: unknown): boolean {
  if (error instanceof AggregateError && error.errors.some(isSecretRefused)) return true
  return error instanceof Error && (error.name === 'EncryptionFailedError' || isSecretRefused(error.cause))
}
