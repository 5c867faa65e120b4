import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { watchLeftovers } from './expect-nothing-left.ts'
import { makeRuntimeDir } from './runtime-dir.ts'

describe('the leftover watch', () => {
  test('a timer that is left is named, one that fires in time is not', async () => {
    const check = watchLeftovers(200)
    // several, because the test runner has timers of its own that come and go
    const timers = Array.from({ length: 5 }, () => setTimeout(() => {}, 1_000_000))
    await expect(check()).rejects.toThrow(/\d × Timeout/)
    for (const timer of timers) clearTimeout(timer)
    setTimeout(() => {}, 20)
    await check()
  })

  test('a server that is left is named', async () => {
    const check = watchLeftovers(200)
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    await expect(check()).rejects.toThrow('TCPServerWrap')
    server.close()
    await check()
  })

  test('a root that is left in the runtime directory of the test is named', async () => {
    using directory = makeRuntimeDir()
    const check = watchLeftovers(200)
    await check()
    const roots = join(directory.path, 'greenroom-0', 'demo', 'roots')
    mkdirSync(roots, { recursive: true })
    writeFileSync(join(roots, '12D3KooW.json'), '{}')
    await expect(check()).rejects.toThrow('greenroom-0/demo/roots/12D3KooW.json')
  })
})
