import { EventEmitter } from 'node:events'
import { hash, randomBytes } from 'node:crypto'
import { identify } from '@libp2p/identify'
import { gossipsub, type GossipSub } from '@libp2p/gossipsub'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { peerIdFromString } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { BarredPeers } from './barred-peers.ts'
import { abortDeaf } from './deaf-connections.ts'
import { outsideScopes } from './cancel-scope.ts'
import { ConnectionEnds } from './connection-ends.ts'
import { type AddressBook, DIAL_TIMEOUT_MS, Dialling, type InnerParts } from './dialling.ts'
import { type Door, doorEncrypter } from './door.ts'
import { fastEncrypter, fastMuxer } from './fast-path/fast-path.ts'
import type { Identity } from './identity.ts'
import { type IntroductionComponents, Introductions } from './introductions.ts'
import { ownInterfaces } from './own-interfaces.ts'
import { isOfThisMachine, isRelayed, lazyRelay, relayedBy, relayService, relayTransport } from './relay.ts'
import { listenAt } from './listen-at.ts'
import { MeshSecrets } from './mesh-secrets.ts'
import { forgetGonePeers } from './gone-peers.ts'
import { guardOpens } from './open-guard.ts'
import { secretNoise } from './secret-noise.ts'
import { stackLogger } from './stack-logger.ts'
import { toldAddresses } from './told-addresses.ts'

/** Streams of one protocol that one peer may hold open at a time, in each direction. */
export const MAX_STREAMS_PER_PEER = 2_048
/**
 * Streams of one connection beside those of any one protocol (lanes, gossip, identify), and those that are about to
 * close.
 */
const OTHER_STREAMS = 256
/** Connections of one actor. */
export const MAX_CONNECTIONS = 4_096
/**
 * Connections of one peer, the oldest gives way: two that dial each other at the same moment need two, reconnects
 * after connections that died unnoticed more.
 */
export const MAX_CONNECTIONS_PER_PEER = 8
/** Bytes of one stream that may be in flight: at or below the read buffer, past which a paused stream is reset. */
export const MAX_STREAM_WINDOW = 1024 * 1024
const MAX_READ_BUFFER = 4 * 1024 * 1024
/** Milliseconds that a connection has for its last bytes when its actor ends. */
export const CLOSE_TIMEOUT_MS = 100
/**
 * Bytes of a gossip message, generously: discovery sends a quarter of it at most. What arrives above twice this ends
 * the stream.
 */
export const MAX_GOSSIP_BYTES = 1024 * 1024

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const UNIX = '/unix/'
/** What gossipsub speaks, the latest version first. */
const GOSSIP_PROTOCOLS = ['/meshsub/1.2.0', '/meshsub/1.1.0', '/meshsub/1.0.0']
const DAY_MS = 24 * 60 * 60 * 1_000

export interface HostOptions {
  readonly identity: Identity
  /** 32 bytes; who does not have them cannot finish a handshake. Or several, while they are being changed. */
  readonly secret: Uint8Array | MeshSecrets
  /**
   * Multiaddrs to listen on; default {@link localAddresses}. `near` is what suffices for an actor below a root: on Linux
   * the unix socket alone, which everybody who could reach the loopback port reaches.
   */
  readonly listen?: readonly string[] | 'near' | undefined
  /** Multiaddrs that others are told; default those that it listens on. */
  readonly announce?: readonly string[] | undefined
  /** Whether it passes on connections to those of this machine that listen at it, or to all members; default no. */
  readonly relays?: boolean | 'members' | undefined
  /** An address of the host that passes on connections to this one, its peer id included; default none does. */
  readonly relay?: string | undefined
  /** Whether routers are asked to pass on connections, or the URLs of their descriptions; default no. */
  readonly portMapping?: boolean | readonly string[] | undefined
  /** What carries its connections, beside the relay; default tcp. */
  readonly transport?: Transport | undefined
  /** Measures it; default nobody does. */
  readonly metrics?: HostMetrics | undefined
  /** Lets in who has no secret yet, for one question; default nobody. */
  readonly door?: Door | undefined
  /**
   * Whether connections take the fast path, whose bytes on the wire are the same; default `on`, unless the environment
   * says `GREENROOM_FAST_PATH=off` when the host starts.
   */
  readonly fastPath?: 'on' | 'off' | undefined
}

/** A connection that is open. */
export interface OpenConnection {
  readonly peer: string
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** Milliseconds since 1970. */
  readonly since: number
  readonly streams: number
}

/** A libp2p node that calls and is called. */
export interface CallingHost {
  readonly peerId: string
  addresses(): string[]
  /** Takes inbound streams of a protocol. A handler must attach its listeners before it awaits anything. */
  handle(protocol: string, handler: (stream: Stream, peer: string) => void): Promise<void>
  /** The live connection to a peer, else a dial of exactly these addresses. */
  connect(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection>
  /** The live connection to a peer, else a dial of its latest addresses, and then of these. */
  reach(peer: string, addresses: readonly string[], signal?: AbortSignal): Promise<Connection>
  /** Takes the latest addresses of peers from there. */
  follow(book: AddressBook): void
  /** Where its connections begin and end. */
  readonly ends: ConnectionEnds
  /** Listens at a relay as well. @param relay an address of it that ends in its peer id */
  listenAt(relay: string): Promise<void>
  /** Dials whoever is at an address, which knows a secret of the mesh; gives its peer id. */
  meet(address: string, signal: AbortSignal): Promise<string>
  isConnected(peer: string): boolean
  /** The connections that are open, the oldest first. */
  connections(): OpenConnection[]
  /** Aborts the connections to a peer and refuses new ones, in both directions, for some milliseconds. */
  drop(peer: string, reason: Error, ms: number): void
  /** Aborts the connections to these peers and refuses others of them, in place of those that were banned before. */
  ban(peers: ReadonlySet<string>): void
  /** Aborts the connections to a peer over which nothing comes back within some milliseconds. */
  abortDeaf(peer: string, withinMs: number): Promise<void>
  /** Called when the last connection to a peer is gone; the returned function unlinks. */
  onDisconnect(listener: (peer: string) => void): () => void
  onConnect(listener: (peer: string) => void): () => void
  /** Hears of each peer that was cut off because it opened streams faster than an actor does. */
  onFlood(listener: (peer: string) => void): () => void
  stop(): Promise<void>
}

/** One actor's libp2p node, reduced to what the layers above use. */
export interface Host extends CallingHost {
  readonly gossip: GossipSub
  /** Lets gossip know of a connected peer: those that are merely called are spared the exchange. */
  introduce(peer: string): void
}

/**
 * Starts a libp2p node for one actor: tcp, noise with the mesh secret in its prologue, yamux, identify, gossipsub.
 *
 * libp2p's defaults are made for strangers on the internet. Here every peer shares a secret, usually a host as well, so
 * the limits per address and the score for peers that share one are lifted; what stays bounded is named above.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const barred = new BarredPeers()
  const floods = new EventEmitter<{ flood: [peer: string] }>()
  const start = async (listen: readonly string[]): Promise<Host> => {
    const services = await servicesOf(options)
    const node = await outsideScopes(async () => await startNode(options, listen, barred, floods, services))
    const { gossip, introductions } = node.services as unknown as Services
    return {
      ...wrap(node, barred, floods),
      gossip,
      introduce: (peer) => {
        for (const connection of node.getConnections(peerIdFromString(peer)))
          outsideScopes(() => introductions.introduce(connection))
      },
    }
  }
  const { listen = localAddresses() } = options
  if (listen !== 'near') return await start(listen)
  if (process.platform !== 'linux') return await start([LOOPBACK])
  try {
    return await start([abstractSocket()])
  } catch {
    // A sandbox that forbids such sockets.
    return await start([LOOPBACK])
  }
}

/**
 * Starts a libp2p node for a process that is no actor: it listens nowhere and gossips with nobody, it dials those that it asks.
 */
export async function startCallingHost(options: Pick<HostOptions, 'identity' | 'secret'>): Promise<CallingHost> {
  const barred = new BarredPeers()
  const floods = new EventEmitter<{ flood: [peer: string] }>()
  return wrap(await outsideScopes(async () => await startNode(options, [], barred, floods, {})), barred, floods)
}

/** What counts for libp2p. */
export type HostMetrics = NonNullable<Libp2pOptions['metrics']>
type Transport = NonNullable<Libp2pOptions['transports']>[number]

interface Services {
  parts: InnerParts
  gossip: GossipSub
  introductions: Introductions
}

type Floods = EventEmitter<{ flood: [peer: string] }>

async function startNode(
  options: HostOptions,
  listen: readonly string[],
  barred: BarredPeers,
  floods: Floods,
  services: ServiceMakers,
): Promise<Libp2p> {
  const fast = (options.fastPath ?? process.env.GREENROOM_FAST_PATH) !== 'off'
  const secrets = options.secret instanceof MeshSecrets ? options.secret : new MeshSecrets(options.secret)
  const encrypter = secretNoise(secrets, (prologueBytes) =>
    fast ? fastEncrypter(noise({ prologueBytes })) : noise({ prologueBytes }),
  )
  const muxer = yamux({
    // More come in than go out: who opens one too many gets an error, while who takes one too many resets it silently.
    maxInboundStreams: MAX_STREAMS_PER_PEER + 2 * OTHER_STREAMS,
    maxOutboundStreams: MAX_STREAMS_PER_PEER + OTHER_STREAMS,
    // Streams that come before this side has finished its handshake; one more ends the connection.
    maxEarlyStreams: OTHER_STREAMS,
    streamOptions: {
      maxStreamWindowSize: MAX_STREAM_WINDOW,
      maxReadBufferLength: MAX_READ_BUFFER,
      inactivityTimeout: DAY_MS,
    },
  })
  const onFlood = (flooded: object): void => {
    const isFlooded = (connection: Connection & { muxer?: object }): boolean => connection.muxer === flooded
    const peer = node.getConnections().find(isFlooded)?.remotePeer
    if (peer !== undefined) floods.emit('flood', peer.toString())
  }
  const at = options.relay === undefined ? [...listen] : [...listen, relayedBy(options.relay)]
  const lazy = lazyRelay()
  const relay = at.some(isRelayed) ? await relayTransport() : lazy.make
  const node: Libp2p = await createLibp2p({
    privateKey: options.identity.privateKey,
    ...stackLogger(),
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
    addresses: { listen: at, announce: [...(options.announce ?? [])] },
    transports: [options.transport ?? tcpTransport(), relay],
    connectionEncrypters: [encrypter, ...(options.door === undefined ? [] : [doorEncrypter(options.door)])],
    streamMuxers: [guardOpens(fast ? fastMuxer(muxer) : muxer, onFlood)],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      maxIncomingPendingConnections: MAX_CONNECTIONS,
      dialTimeout: DIAL_TIMEOUT_MS,
      reconnectRetries: 0,
    },
    connectionGater: {
      denyDialPeer: (peer) => barred.has(peer.toString()),
      denyInboundEncryptedConnection: (peer) => {
        if (barred.has(peer.toString())) return true
        const open = node.getConnections(peer)
        for (const oldest of open.slice(0, Math.max(0, open.length + 1 - MAX_CONNECTIONS_PER_PEER)))
          oldest.abort(new Error(`more than ${MAX_CONNECTIONS_PER_PEER} connections of one peer`))
        return false
      },
      denyInboundRelayReservation: (peer) => {
        if (options.relays === 'members') return false
        const own = ownInterfaces()
        return !node.getConnections(peer).some(({ remoteAddr }) => isOfThisMachine(remoteAddr.toString(), own))
      },
    },
    // A missed ping would abort the connection of an actor that is merely busy.
    connectionMonitor: { enabled: false },
    services: {
      ...services,
      parts: ({ addressManager, transportManager }: InnerParts): InnerParts => ({
        addressManager,
        transportManager,
        ...(relay === lazy.make ? { loadRelay: lazy.load } : {}),
      }),
    },
  })
  return node
}

type ServiceMakers = NonNullable<Libp2pOptions['services']>

async function servicesOf({ relays, portMapping = false }: HostOptions): Promise<ServiceMakers> {
  return {
    ...(portMapping === false ? {} : { portMapping: await portMappingBy(portMapping) }),
    ...(relays === undefined || relays === false ? {} : { relay: await relayService() }),
    // Gossip asks for it; nobody is identified, neighbours are introduced.
    identify: identify({ runOnConnectionOpen: false }),
    introductions: (components: IntroductionComponents) => new Introductions(components, GOSSIP_PROTOCOLS),
    gossip: gossipsub({
      globalSignaturePolicy: 'StrictNoSign',
      msgIdFn: (message) => hash('sha256', message.data, 'buffer'),
      allowPublishToZeroTopicPeers: true,
      ignoreDuplicatePublishError: true,
      scoreParams: { IPColocationFactorWeight: 0 },
      maxInboundDataLength: MAX_GOSSIP_BYTES * 2,
    }),
  } as ServiceMakers
}

async function portMappingBy(routers: true | readonly string[]): Promise<unknown> {
  const { portMapping } = await import('./port-mapping.ts')
  return await portMapping(routers === true ? undefined : routers)
}

function tcpTransport(): Transport {
  return tcp({ inboundSocketInactivityTimeout: DAY_MS, outboundSocketInactivityTimeout: DAY_MS })
}

function wrap(node: Libp2p, barred: BarredPeers, floods: Floods): CallingHost {
  const listen = (event: 'peer:connect' | 'peer:disconnect') => (listener: (peer: string) => void) => {
    const onEvent = (peer: CustomEvent<{ toString(): string }>): void => listener(peer.detail.toString())
    node.addEventListener(event, onEvent)
    return () => node.removeEventListener(event, onEvent)
  }
  const { parts } = node.services as unknown as Pick<Services, 'parts'>
  const dialling = new Dialling(node, barred, parts)
  forgetGonePeers(node)
  return {
    peerId: node.peerId.toString(),
    addresses: () => toldAddresses(node, parts.addressManager),
    handle: (protocol, handler) =>
      node.handle(
        protocol,
        (stream, connection) => {
          const peer = connection.remotePeer.toString()
          // A connection that was being made while its peer was dropped has passed the gate before that.
          if (barred.has(peer)) connection.abort(new Error('the peer was dropped'))
          else handler(stream, peer)
        },
        { maxInboundStreams: MAX_STREAMS_PER_PEER + OTHER_STREAMS, maxOutboundStreams: MAX_STREAMS_PER_PEER },
      ),
    connect: async (peer, addresses, signal) => await dialling.connect(peer, addresses, signal),
    reach: async (peer, addresses, signal) => await dialling.reach(peer, addresses, signal),
    follow: (book) => dialling.follow(book),
    ends: new ConnectionEnds(node),
    listenAt: async (relay) => await outsideScopes(async () => await listenAt(parts, relay)),
    connections: () =>
      node.getConnections().map(({ remotePeer, remoteAddr, direction, timeline, streams }) => ({
        peer: remotePeer.toString(),
        address: remoteAddr.toString(),
        direction,
        since: timeline.open,
        streams: streams.length,
      })),
    meet: async (address, signal) => {
      const connection = await outsideScopes(async () => await node.dial(multiaddr(address), { signal }))
      return connection.remotePeer.toString()
    },
    isConnected: (peer) => node.getConnections(peerIdFromString(peer)).length > 0,
    drop: (peer, reason, ms) => {
      barred.bar(peer, ms)
      for (const connection of node.getConnections(peerIdFromString(peer))) connection.abort(reason)
    },
    ban: (peers) => {
      barred.ban(peers)
      for (const connection of node.getConnections())
        if (peers.has(connection.remotePeer.toString())) connection.abort(new Error('the peer was banned'))
    },
    abortDeaf: async (peer, withinMs) =>
      await outsideScopes(async () => await abortDeaf(node.getConnections(peerIdFromString(peer)), withinMs)),
    onDisconnect: listen('peer:disconnect'),
    onConnect: listen('peer:connect'),
    onFlood: (listener) => {
      floods.on('flood', listener)
      return () => floods.off('flood', listener)
    },
    stop: async () => {
      disarmLeftoverTimers(node)
      await Promise.all(node.getConnections().map(closeSoon))
      await node.stop()
    },
  }
}

/**
 * Where an actor listens unless told otherwise: a free port of the loopback interface and, on Linux, an abstract unix
 * socket. Calls between processes of one machine are some 1.2 times faster over it; it has no file that a killed
 * process could leave behind, and the mesh secret guards it as it guards the port.
 */
export function localAddresses(): string[] {
  return process.platform === 'linux' ? [LOOPBACK, abstractSocket()] : [LOOPBACK]
}

function abstractSocket(): string {
  return `${UNIX}${encodeURIComponent(`\0greenroom-${randomBytes(16).toString('hex')}`)}`
}

/**
 * Flushes and closes; a peer that closes at the same moment, or does not read, must not hold up the end of this
 * actor.
 */
async function closeSoon(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) })
  } catch (error) {
    connection.abort(error as Error)
  }
}

/**
 * Clears two timers that libp2p 3.3 and gossipsub 17 leave behind when they stop: each would keep an ended program
 * alive for up to a second. Both are private fields, so their absence is no error.
 */
function disarmLeftoverTimers(node: object): void {
  const { components, services } = node as Leftovers
  const addresses = components?.addressManager
  if (addresses?._updatePeerStoreAddresses !== undefined) {
    addresses._updatePeerStoreAddresses.stop?.()
    addresses._updatePeerStoreAddresses = () => {}
  }
  clearTimeout(services?.gossip?.status?.heartbeatTimeout)
}

interface Leftovers {
  components?: { addressManager?: { _updatePeerStoreAddresses?: { (): void; stop?(): void } } }
  services?: { gossip?: { status?: { heartbeatTimeout?: NodeJS.Timeout } } }
}
