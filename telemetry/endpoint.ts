import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describeError, GreenroomError, InvalidArgument } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'

/** Connections at a time; more are closed. */
export const MAX_SCRAPERS = 16
/** Milliseconds that a request may take to arrive. */
export const SCRAPE_REQUEST_MS = 5_000

export interface EndpointAddress {
  readonly host: string
  readonly port: number
}

/** A server that Prometheus reads. */
export interface MetricsEndpoint {
  readonly url: string
  close(): Promise<void>
}

/**
 * Reads where metrics are to be served: `:9464` is a port of the loopback interface, `0.0.0.0:9464` one of all interfaces.
 *
 * @throws InvalidArgument when it is neither
 */
export function readEndpointAddress(text: string): EndpointAddress {
  const [, name, port] = (typeof text === 'string' ? /^(\[[0-9a-fA-F:.]+\]|[\w.-]*):(\d{1,5})$/.exec(text) : null) ?? []
  if (port === undefined || Number(port) > 65_535)
    throw new InvalidArgument(
      `metrics are served at ':port' of this machine alone, or at 'host:port', such as ':9464' or '0.0.0.0:9464', got ${JSON.stringify(text)}`,
    )
  const host = name === undefined || name === '' ? '127.0.0.1' : name.replace(/^\[|\]$/g, '')
  return { host, port: Number(port) }
}

/**
 * Serves a text at `/metrics`, and nothing else.
 *
 * @param read the text; several that come at a time are answered with one
 * @throws GreenroomError `METRICS_ADDRESS` when nobody can listen there
 */
export async function serveText(
  { host, port }: EndpointAddress,
  read: () => Promise<string>,
): Promise<MetricsEndpoint> {
  let reading: Promise<string> | undefined
  const readOnce = async (): Promise<string> => await (reading ??= read().finally(() => (reading = undefined)))
  let isLocal = true
  const server = createServer((request, response) => void answer(request, response, isLocal, readOnce))
  server.maxConnections = MAX_SCRAPERS
  server.requestTimeout = SCRAPE_REQUEST_MS
  server.headersTimeout = SCRAPE_REQUEST_MS
  await listen(server, host, port)
  const { address, family, port: open } = server.address() as AddressInfo
  isLocal = /^127\.|^::1$/.test(address)
  const shown = family === 'IPv6' ? `[${address}]` : address
  return {
    url: `http://${shown}:${open}/metrics`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port }, resolve)
  try {
    await promise
  } catch (cause) {
    const why =
      (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'another program listens there' : describeError(cause)
    throw new GreenroomError(
      'METRICS_ADDRESS',
      `metrics cannot be served at ${host}:${port}: ${why}; choose another port, or 0 for any that is free`,
      { cause },
    )
  } finally {
    server.removeListener('error', reject)
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  isLocal: boolean,
  read: () => Promise<string>,
): Promise<void> {
  const refuse = (status: number, why: string): void =>
    void response.writeHead(status, { 'content-type': 'text/plain' }).end(`${why}\n`)
  // A page in a browser whose name was made to lead here is no scraper.
  if (isLocal && !isLocalName(request.headers.host))
    return refuse(403, 'metrics of this address are for this machine: ask by 127.0.0.1 or localhost')
  const path = request.url?.split('?', 1)[0]
  if (path !== '/metrics') return refuse(404, 'metrics are at /metrics')
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'metrics are read with GET')
  try {
    const text = await read()
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text)
  } catch (error) {
    areaLog('telemetry').warn(`metrics could not be read: ${describeError(error)}`)
    refuse(500, 'metrics could not be read')
  }
}

function isLocalName(host: string | undefined): boolean {
  return host !== undefined && /^(127\.[\d.]+|localhost|\[::1\])(:\d+)?$/i.test(host)
}
