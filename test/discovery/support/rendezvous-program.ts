import { openRendezvous } from '../../../discovery/rendezvous.ts'

// A program of its own for tests with real processes: arguments are the runtime directory, the mesh and the peer id.
const [, , runtimeDir = '', mesh = '', peerId = ''] = process.argv

const rendezvous = await openRendezvous({ mesh, runtimeDir })
await rendezvous.announce({ peerId, addrs: ['/ip4/127.0.0.1/tcp/4001'], name: peerId })
const others = (await rendezvous.entries()).map((entry) => entry.peerId)
console.log(JSON.stringify({ secret: Buffer.from(rendezvous.secret).toString('hex'), others }))

// until the test ends it, or is gone itself
process.stdin.resume()
