import type { Connection, Libp2p } from '@libp2p/interface'
import { outsideScopes } from './cancel-scope.ts'
import { abortDeaf } from './deaf-connections.ts'
import { ipOf, plainIp } from './own-interfaces.ts'
import { leadsOutside } from './relay.ts'

/** Where the connections of an actor begin and end, and what becomes of them when one of these places is gone. */
export class ConnectionEnds {
  readonly #node: Libp2p

  constructor(node: Libp2p) {
    this.#node = node
  }

  /** Whether it listens, or is connected, beyond this machine. */
  leadOutside(): boolean {
    return [...this.#node.getMultiaddrs(), ...this.#node.getConnections().map(({ remoteAddr }) => remoteAddr)].some(
      (address) => leadsOutside(address.toString()),
    )
  }

  /** Hears of the first connection beyond this machine; the returned function unlinks. */
  onceOutside(listener: () => void): () => void {
    const onOpen = ({ detail }: CustomEvent<Connection>): void => {
      if (!leadsOutside(detail.remoteAddr.toString())) return
      unlink()
      listener()
    }
    const unlink = (): void => this.#node.removeEventListener('connection:open', onOpen)
    this.#node.addEventListener('connection:open', onOpen)
    return unlink
  }

  /**
   * Aborts connections whose own end is at an address that this machine no longer has: TCP would go on for a quarter of an
   * hour. Gives how many there were.
   */
  abortStranded(gone: ReadonlySet<string>): number {
    const stranded = this.#node.getConnections().filter((connection) => gone.has(ownIpOf(connection) ?? ''))
    for (const connection of stranded)
      connection.abort(new Error('this machine no longer has the address of the connection'))
    return stranded.length
  }

  /** Aborts the connections to a peer whose other end is at one of these addresses, which it no longer has. */
  abortAt(peer: string, gone: ReadonlySet<string>): void {
    for (const connection of this.#of(peer))
      if (gone.has(ipOf(connection.remoteAddr.toString()) ?? ''))
        connection.abort(new Error('the peer no longer has the address of the connection'))
  }

  /**
   * Whenever somebody connects from elsewhere than its other connections, sees whether these still carry anything: it may have
   * moved. Gives the function that ends that.
   */
  watchMoves(withinMs: number): () => void {
    const onOpen = ({ detail: opened }: CustomEvent<Connection>): void => {
      const from = ipOf(opened.remoteAddr.toString())
      if (from === undefined || !leadsOutside(opened.remoteAddr.toString())) return
      const others = this.#of(opened.remotePeer.toString()).filter(({ remoteAddr }) => {
        const ip = ipOf(remoteAddr.toString())
        return ip !== undefined && ip !== from && leadsOutside(remoteAddr.toString())
      })
      if (others.length > 0) void outsideScopes(async () => await abortDeaf(others, withinMs))
    }
    this.#node.addEventListener('connection:open', onOpen)
    return () => this.#node.removeEventListener('connection:open', onOpen)
  }

  /** Hears of listeners that come and go, as those at relays do. */
  onListening(listener: () => void): () => void {
    this.#node.addEventListener('transport:listening', listener)
    this.#node.addEventListener('transport:close', listener)
    return () => {
      this.#node.removeEventListener('transport:listening', listener)
      this.#node.removeEventListener('transport:close', listener)
    }
  }

  #of(peer: string): Connection[] {
    return this.#node.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer)
  }
}

/** A private field of libp2p 3.3 and its tcp: where it is missing nothing is known of the own end. */
function ownIpOf(connection: Connection): string | undefined {
  const { maConn } = connection as { readonly maConn?: { readonly socket?: { readonly localAddress?: string } } }
  return plainIp(maConn?.socket?.localAddress)
}
