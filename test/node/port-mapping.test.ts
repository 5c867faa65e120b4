import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { within } from '../support/within.ts'

expectNothingLeft(10_000)

const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:2'
const PUBLIC = '52.0.0.7'
const hasNetwork = Object.values(networkInterfaces())
  .flat()
  .some((one) => one?.family === 'IPv4' && !one.internal)

/** A router that speaks UPnP, as far as ports are mapped by it. */
async function router() {
  const asked: { action: string; body: string }[] = []
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.setHeader('content-type', 'text/xml')
    response.setHeader('connection', 'close')
    if (request.method === 'GET') {
      response.end(`<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>
        <deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType><UDN>uuid:router</UDN>
        <serviceList><service><serviceType>${SERVICE}</serviceType><controlURL>/control</controlURL><SCPDURL>/scpd</SCPDURL></service></serviceList>
      </device></root>`)
      return
    }
    const body = (await Array.fromAsync(request)).join('')
    const action = String(request.headers['soapaction']).split('#')[1]?.replace('"', '') ?? ''
    asked.push({ action, body })
    const answers: Record<string, string> = {
      GetExternalIPAddress: `<NewExternalIPAddress>${PUBLIC}</NewExternalIPAddress>`,
      AddAnyPortMapping: '<NewReservedPort>40404</NewReservedPort>',
    }
    response.end(`<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
      <u:${action}Response xmlns:u="${SERVICE}">${answers[action] ?? ''}</u:${action}Response></s:Body></s:Envelope>`)
  }
  const server = createServer((request, response) => void serve(request, response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/description.xml`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const listen = ['/ip4/0.0.0.0/tcp/0']

test.skipIf(!hasNetwork)(
  'a router is asked to pass on connections, its address is told, and the port is given back',
  async () => {
    await using gateway = await router()
    const identity = await openIdentity()
    const host = await startHost({ identity, secret: randomBytes(32), listen, portMapping: [gateway.url] })
    try {
      await eventually(
        'the address of the router is told',
        () => host.addresses().some((address) => address.startsWith(`/ip4/${PUBLIC}/tcp/40404`)),
        15_000,
      )
      const mapping = gateway.asked.find(({ action }) => action === 'AddAnyPortMapping')
      expect(mapping?.body).toContain('<NewPortMappingDescription>greenroom</NewPortMappingDescription>')
      expect(gateway.asked.some(({ body }) => body.includes(identity.peerId))).toBe(false)
    } finally {
      await within('it stops', host.stop())
    }
    await eventually('the port is given back', () => gateway.asked.some(({ action }) => action === 'DeletePortMapping'))
  },
  60_000,
)

test('where there is no router nothing is different', async () => {
  const options = { identity: await openIdentity(), secret: randomBytes(32), listen: ['/ip4/127.0.0.1/tcp/0'] }
  const host = await startHost({ ...options, portMapping: ['http://127.0.0.1:9/none.xml'] })
  expect(host.addresses()).toHaveLength(1)
  await within('it stops', host.stop())
})
