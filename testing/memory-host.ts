import { memory } from '@libp2p/memory'
import { type Host, startHost } from '../node/host.ts'
import { type Identity, openIdentity } from '../node/identity.ts'
import type { MeshSecrets } from '../node/mesh-secrets.ts'

type Transport = ReturnType<typeof memory>

/** A libp2p node whose connections stay in this process; all else is as it is between machines, encryption included. */
export async function startMemoryHost(secret: MeshSecrets): Promise<{ identity: Identity; host: Host }> {
  const identity = await openIdentity()
  const listen = [`/memory/${identity.peerId}`]
  return { identity, host: await startHost({ identity, secret, listen, transport: memoryTransport }) }
}

/** As with sockets, nobody at an address is a refusal: certain, unlike silence. */
const memoryTransport: Transport = (components) => {
  const transport = memory()(components)
  const dial = transport.dial.bind(transport)
  transport.dial = async (...args) => {
    try {
      return await dial(...args)
    } catch (error) {
      if (error instanceof Error && error.name === 'ConnectionFailedError')
        throw Object.assign(error, { code: 'ECONNREFUSED' })
      throw error
    }
  }
  return transport
}
