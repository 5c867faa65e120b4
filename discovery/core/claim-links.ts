import type { Turn } from './state.ts'

/**
 * The roots that a root needs a link to because of claims: the arbiter those whose claims it keeps, and the others the
 * arbiter while claims pass by.
 */
export function claimLinks({ state, now }: Turn): string[] {
  const { claims, election, registry, profile, arbiter } = state
  if (election.reign === undefined) {
    return arbiter !== null && now < claims.passedAt + profile.claimLease ? [arbiter.peerId] : []
  }
  const roots = new Set<string>()
  for (const { via, claims: kept } of claims.office?.parties.values() ?? []) if (kept.size > 0) roots.add(via)
  return [...roots].filter((via) => registry.get(via)?.parent === undefined)
}
