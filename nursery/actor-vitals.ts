import type { ActorRef } from '../node/errors.ts'
import type { LogLevel } from '../node/log.ts'
import type { ActorReading } from '../telemetry/reading.ts'
import type { StartMethod } from './start-method.ts'

/** Connections, and streams, that the vitals of an actor tell of; the others are counted. */
export const MAX_VITAL_ENTRIES = 256
/** Streams that brief vitals tell of; the others are counted. */
export const MAX_BRIEF_STREAMS = 16

/** How an actor is at one moment; plain data. Times are milliseconds since 1970. */
export interface ActorVitals extends ActorReading {
  /** Peer id of the top actor of its tree, and of the actor that started it; null for a root. */
  readonly root: string
  readonly parent: string | null
  readonly pid: number
  /** Name of its machine. */
  readonly host: string
  readonly platform: string
  readonly arch: string
  /** When its process was up. */
  readonly processStartedAt: number
  readonly versions: {
    readonly greenroom: string
    readonly node: string
    /** Of the program that it runs, when that was said. */
    readonly program: string | null
  }
  /** How it was started; null for a root. */
  readonly startMethod: StartMethod | null
  readonly logLevel: LogLevel
  /** At most 256, the oldest first; none in brief vitals. */
  readonly connections: readonly ConnectionVitals[]
  /** Streams of calls that are open, at most 256, or 16 in brief vitals, the oldest first. */
  readonly streams: readonly StreamVitals[]
  /** Connections and streams that are not told of. */
  readonly leftOut: number
  readonly discovery: ActorReading['discovery'] & {
    readonly joined: boolean
    readonly leaving: boolean
    /** How much longer than usual it waits for others because it does not trust itself: 1 when it is well, at most 8. */
    readonly stretch: number
    /** The share of its last probes that was answered, 0 to 1. */
    readonly heard: number
  }
}

/** A connection of an actor. */
export interface ConnectionVitals {
  /** The name is empty when the peer is no known actor of the mesh. */
  readonly peer: ActorRef
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  readonly since: number
  /** Whether it leads through another actor. */
  readonly relayed: boolean
  readonly streams: number
  /** Of a round trip, when that was asked for and the peer has answered in time; else null. */
  readonly roundTripMs: number | null
}

/** A stream of a call. */
export interface StreamVitals {
  readonly functionId: string
  readonly peer: ActorRef
  /** Whether the actor calls or is called. */
  readonly role: 'caller' | 'callee'
  readonly since: number
  readonly itemsSent: number
  readonly itemsReceived: number
  /** What the other side lets it send before it has taken more. */
  readonly credit: { readonly items: number; readonly bytes: number }
  /** Items that wait here for their consumer. */
  readonly queued: number
}
