import { join } from 'node:path'
import { keepLedger, readLedger } from './ledger-file.ts'
import type { TimedSecret } from '../node/mesh-secrets.ts'
import { type Ledger, newLedger } from './ledger.ts'
import { keepMembership, ledgerFileOf, type Membership, readMembership } from './membership.ts'
import { openRendezvous, type Rendezvous } from './rendezvous.ts'

/** What this machine keeps of a named mesh. */
export interface MeshFiles {
  readonly rendezvous: Rendezvous
  readonly ledger: Ledger
  /**
   * Writes the ledger down, and its secret where programs that start look for it; gives whether another program of this
   * machine knew something that this one did not.
   */
  keep(): Promise<boolean>
  /** The secrets that open connections, as another program of this machine may have written them down meanwhile. */
  readSecrets(): Promise<readonly TimedSecret[]>
}

/**
 * Opens what is kept of a mesh. Of a mesh that this machine has joined the ledger outlives a reboot, as its membership does; of
 * one that began here it is as long-lived as the secret, which is gone with the runtime directory.
 *
 * @throws GreenroomError `RENDEZVOUS_UNSAFE`, `RENDEZVOUS_UNUSABLE`, `MESH_NAME_IN_USE`
 */
export async function openMesh(mesh: string): Promise<MeshFiles> {
  const membership = await readMembership(mesh)
  if (membership === undefined) {
    const rendezvous = await openRendezvous({ mesh })
    const path = join(rendezvous.directory, 'ledger.json')
    const kept = await readLedger(path, mesh)
    const ledger = kept?.hasHad(rendezvous.secret) === true ? kept : newLedger(mesh, rendezvous.secret)
    return filesAt(path, rendezvous, ledger, undefined)
  }
  const path = ledgerFileOf(mesh)
  const kept = await readLedger(path, mesh)
  const ledger = kept?.hasHad(membership.secret) === true ? kept : newLedger(mesh, membership.secret)
  const rendezvous = await openRendezvous({
    mesh,
    secret: ledger.newest,
    isFormer: (secret) => ledger.hasHad(secret),
  })
  return filesAt(path, rendezvous, ledger, membership)
}

function filesAt(path: string, rendezvous: Rendezvous, ledger: Ledger, membership: Membership | undefined): MeshFiles {
  return {
    rendezvous,
    ledger,
    keep: async () => await keep(path, ledger, rendezvous, membership),
    readSecrets: async () => ((await readLedger(path, ledger.mesh)) ?? ledger).secrets,
  }
}

/** The ledger comes first: it names the former secret, and who finds that one elsewhere looks there. */
async function keep(
  path: string,
  ledger: Ledger,
  rendezvous: Rendezvous,
  membership: Membership | undefined,
): Promise<boolean> {
  const news = await keepLedger(path, ledger)
  await rendezvous.keepSecret(ledger.newest)
  const { mesh, newest: secret } = ledger
  if (membership !== undefined) await keepMembership(mesh, { ...membership, secret })
  return news
}
