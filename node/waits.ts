import { type Tenant, tenantOf } from './cancel-scope.ts'

/** Something that code of this process waits for; calls are known to their lanes. */
export interface NamedWait {
  /** As in `sleeping for 100 ms`. */
  readonly what: string
  /** On the clock of `performance.now()`. */
  readonly since: number
}

/** Beside those of the process: of actors that share it. */
const waitsOfTenants = new WeakMap<Tenant, Set<NamedWait>>()
const waitsOfProcess = new Set<NamedWait>()

/** Lets others see what is waited for, until {@link endWait}. */
export function beginWait(what: string): NamedWait {
  const wait = { what, since: performance.now() }
  waitsHere().add(wait)
  return wait
}

export function endWait(wait: NamedWait): void {
  waitsHere().delete(wait)
}

/** What code of this process waits for now, in the order in which it began. */
export function namedWaits(): NamedWait[] {
  return [...waitsHere()]
}

function waitsHere(): Set<NamedWait> {
  const tenant = tenantOf()
  if (tenant === undefined) return waitsOfProcess
  const waits = waitsOfTenants.get(tenant) ?? new Set()
  waitsOfTenants.set(tenant, waits)
  return waits
}
