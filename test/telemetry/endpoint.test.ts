import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { GreenroomError, InvalidArgument } from '../../node/errors.ts'
import { redirectLogs } from '../../node/log.ts'
import { type MetricsEndpoint, readEndpointAddress, serveText } from '../../telemetry/endpoint.ts'
import { failureOf } from '../support/failure-of.ts'

let endpoint: MetricsEndpoint | undefined
afterEach(async () => {
  await endpoint?.close()
  endpoint = undefined
})

const LOCAL = { host: '127.0.0.1', port: 0 }

/** What is answered to a request that a browser or a scraper may make. */
async function ask(path: string, method = 'GET', host?: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const { hostname, port } = new URL(endpoint!.url)
  const headers = host === undefined ? {} : { host }
  const asked = request({ hostname, port, path, method, headers, agent: false }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (part: string) => (text += part))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
  })
  asked.on('error', reject)
  asked.end()
  return await promise
}

test.each([
  [':9464', '127.0.0.1', 9464],
  [':0', '127.0.0.1', 0],
  ['0.0.0.0:9464', '0.0.0.0', 9464],
  ['localhost:80', 'localhost', 80],
  ['[::1]:9464', '::1', 9464],
])('%s is port and host', (text, host, port) => {
  expect(readEndpointAddress(text)).toEqual({ host, port })
})

test.each(['', '9464', ':', ':x', ':70000', 'a b:1', 'http://localhost:9464', '::1:9464', 7 as unknown as string])(
  '%s is refused, with what it should be',
  (text) => {
    expect(() => readEndpointAddress(text)).toThrow(InvalidArgument)
    expect(() => readEndpointAddress(text)).toThrow("such as ':9464' or '0.0.0.0:9464'")
  },
)

test('serves its text at /metrics and nothing else, to those who ask by a name of this machine', async () => {
  endpoint = await serveText(LOCAL, async () => await Promise.resolve('a 1\n'))
  expect(endpoint.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  expect(await ask('/metrics')).toEqual({ status: 200, text: 'a 1\n' })
  expect(await ask('/metrics?x=1', 'HEAD')).toEqual({ status: 200, text: '' })
  expect(await ask('/metrics', 'GET', 'localhost:1')).toMatchObject({ status: 200 })
  expect(await ask('/')).toMatchObject({ status: 404 })
  expect(await ask('/metrics/../secret')).toMatchObject({ status: 404 })
  expect(await ask('/metrics', 'POST')).toMatchObject({ status: 405 })
  expect(await ask('/metrics', 'GET', 'evil.example:80')).toMatchObject({ status: 403 })
  expect(await ask('/metrics', 'GET', '127.0.0.1.evil.example')).toMatchObject({ status: 403 })
})

test('several who ask at a time are answered with one reading', async () => {
  let readings = 0
  const go = Promise.withResolvers<void>()
  endpoint = await serveText(LOCAL, async () => {
    readings += 1
    await go.promise
    return 'a 1\n'
  })
  const asked = [ask('/metrics'), ask('/metrics'), ask('/metrics')]
  setTimeout(go.resolve, 100)
  expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200])
  expect(readings).toBeLessThanOrEqual(2)
})

test('a reading that fails is told as such, without what is nobody else’s business', async () => {
  const undo = redirectLogs(() => {})
  try {
    endpoint = await serveText(LOCAL, async () => await Promise.reject(new Error('a secret')))
    expect(await ask('/metrics')).toEqual({ status: 500, text: 'metrics could not be read\n' })
  } finally {
    undo()
  }
})

test('a port in use is refused, with what to do', async () => {
  endpoint = await serveText(LOCAL, async () => await Promise.resolve(''))
  const port = Number(new URL(endpoint.url).port)
  const error = await failureOf(serveText({ host: '127.0.0.1', port }, async () => await Promise.resolve('')))
  expect(error).toBeInstanceOf(GreenroomError)
  expect(error).toMatchObject({
    code: 'METRICS_ADDRESS',
    message: `metrics cannot be served at 127.0.0.1:${port}: another program listens there; choose another port, or 0 for any that is free`,
  })
})

test('it closes at once, whoever is still being answered', async () => {
  endpoint = await serveText(LOCAL, async () => await new Promise(() => {}))
  const asked = failureOf(ask('/metrics'))
  await new Promise((resolve) => setTimeout(resolve, 50))
  await endpoint.close()
  expect(await asked).toMatchObject({ code: 'ECONNRESET' })
})
