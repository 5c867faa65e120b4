import { connect } from 'node:net'
import { hostname } from 'node:os'
import { type MemberSnapshot, type Portal, readVitals } from '../../index.ts'
import { askAll } from '../ask-all.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { isOutward, type MeshFacts, type RootFacts } from './mesh.ts'

/** Roots that are looked at closely; the oldest. */
const MAX_EXAMINED = 256
/** Addresses of each that are tried, and milliseconds that each has. */
const MAX_DIALS = 8
const DIAL_MS = 1_500

/** What the roots say of themselves, and how they are reached from here. */
export async function readMesh(sight: MeshSight, timeoutMs: number): Promise<MeshFacts> {
  const roots = sight
    .members()
    .filter(({ parent }) => parent === null)
    .slice(0, MAX_EXAMINED)
  const answers = await askAll(roots, async (root) => await examine(sight.portal(root)), timeoutMs)
  const facts = await Promise.all(
    roots.map(async (member, i): Promise<RootFacts> => {
      const { value, silent } = answers[i]!
      const isHere = value?.vitals.host === hostname()
      const { vitals, rttMs, skew } = value ?? {}
      return { member, vitals, rttMs, skew, silent, dials: await dialAll(member, isHere) }
    }),
  )
  return { snapshot: sight.snapshot(), roots: facts, host: hostname() }
}

async function examine(
  portal: Portal,
): Promise<Pick<RootFacts, 'rttMs' | 'skew'> & { vitals: NonNullable<RootFacts['vitals']> }> {
  const rttMs = await portal.ping()
  // the first question begins to measure the event loop, the second one has something to tell
  await readVitals(portal)
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS))
  const asked = Date.now()
  const vitals = await readVitals(portal)
  const error = (Date.now() - asked) / 2
  return { vitals, rttMs, skew: { ms: vitals.at - asked - error, error } }
}

/** Milliseconds for which the event loops of the roots are watched. */
const MEASURE_MS = 600

async function dialAll({ addresses }: MemberSnapshot, isHere: boolean): Promise<RootFacts['dials']> {
  const tried = addresses.filter((address) => isHere || isOutward(address)).slice(0, MAX_DIALS)
  const dials = await Promise.all(tried.map(async (address) => ({ address, failed: await whyNot(address) })))
  return dials.flatMap(({ address, failed }) => (failed === 'no TCP' ? [] : [{ address, failed }]))
}

/** Why an address cannot be connected to; undefined when it can. */
async function whyNot(address: string): Promise<string | undefined> {
  const [, host, port] = /^\/(?:ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/[^/]+)?$/.exec(address) ?? []
  if (host === undefined || port === undefined) return 'no TCP'
  const socket = connect({ host, port: Number(port) })
  const outcome = Promise.withResolvers<string | undefined>()
  socket.setTimeout(DIAL_MS, () => outcome.resolve(`no answer within ${DIAL_MS} ms`))
  socket.once('connect', () => outcome.resolve(undefined))
  socket.once('error', (error: NodeJS.ErrnoException) => outcome.resolve(error.code ?? error.message))
  try {
    return await outcome.promise
  } finally {
    socket.destroy()
  }
}
