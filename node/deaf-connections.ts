import type { Connection } from '@libp2p/interface'

/** Nobody speaks it: to refuse it takes a connection that carries bytes both ways, and a peer whose event loop turns. */
const NOTHING = '/greenroom/nothing/1'

/**
 * Aborts those connections over which nothing comes back in time, because their peer is frozen or gone, or because
 * somebody between has forgotten them. TCP itself gives up after a quarter of an hour, and until then every dial finds
 * the connection that is there.
 */
export async function abortDeaf(connections: readonly Connection[], withinMs: number): Promise<void> {
  await Promise.all(connections.map((connection) => abortIfDeaf(connection, AbortSignal.timeout(withinMs), withinMs)))
}

async function abortIfDeaf(connection: Connection, signal: AbortSignal, withinMs: number): Promise<void> {
  try {
    const stream = await connection.newStream(NOTHING, { signal, runOnLimitedConnection: true })
    stream.abort(new Error('nothing was to be said'))
  } catch {
    // anything but silence is an answer: mostly that the protocol is not known
    if (signal.aborted) connection.abort(new Error(`nothing came back within ${withinMs} ms`))
  }
}
