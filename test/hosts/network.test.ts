import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { isAlive } from '../support/process-watcher.ts'
import { knock } from './support/knock.ts'
import { type Host, makeNetwork, whyNoNetwork } from './support/network.ts'

const reason = whyNoNetwork()

/** This process's namespaces. */
function namespaces(pid = process.pid): string[] {
  const { stdout } = spawnSync('ip', ['netns', 'list'], { encoding: 'utf8' })
  return stdout.split('\n').filter((line) => line.startsWith(`greenroom-${pid}-`))
}

describe.skipIf(reason !== undefined)(`a network of hosts${reason === undefined ? '' : `: ${reason}`}`, () => {
  expectNothingLeft()

  test('lets every host reach every other, and nothing else', () => {
    using network = makeNetwork(3)
    for (const from of network.hosts)
      for (const to of network.hosts) expect(knock(from, to.address)).toBe('ECONNREFUSED')
    expect(knock(network.hosts[0]!, '192.0.2.1')).toBe('ENETUNREACH')
  })

  test('loses what is cut, one way or both, and nothing else', () => {
    using network = makeNetwork(3)
    const [a, b, c] = network.hosts as [Host, Host, Host]
    network.cut(a, b)
    // a refusal has to come back as well
    expect([knock(a, b.address), knock(b, a.address), knock(a, c.address)]).toEqual([
      'silence',
      'silence',
      'ECONNREFUSED',
    ])
    network.heal()
    network.split([a], [b, c])
    expect([knock(a, b.address), knock(c, a.address), knock(b, c.address)]).toEqual([
      'silence',
      'silence',
      'ECONNREFUSED',
    ])
    network.heal()
    expect([knock(a, b.address), knock(c, a.address)]).toEqual(['ECONNREFUSED', 'ECONNREFUSED'])
  })

  test('has plugs that can be pulled', () => {
    using network = makeNetwork(2)
    const [a, b] = network.hosts as [Host, Host]
    network.plug(b, 'down')
    expect(knock(a, b.address)).toBe('ENETUNREACH')
    expect(knock(b, a.address)).toBe('silence')
    network.heal()
    expect(knock(a, b.address)).toBe('ECONNREFUSED')
  })

  test('counts what a host sends and dials', () => {
    using network = makeNetwork(2)
    const [a, b] = network.hosts as [Host, Host]
    const before = a.traffic()
    knock(a, b.address)
    const after = a.traffic()
    expect(after.dials - before.dials).toBe(1)
    expect(after.sentBytes).toBeGreaterThan(before.sentBytes)
    expect(after.connections).toBe(0)
  })

  test('takes everything with it when it goes', async () => {
    const network = makeNetwork(1)
    expect(namespaces()).toHaveLength(2)
    const [command, ...args] = [...network.hosts[0]!.command, 'sleep', '600']
    const child = spawn(command!, args, { stdio: 'ignore' })
    await once(child, 'spawn')
    await eventually('it runs in the host', () => isAlive(child.pid!))
    const exited = once(child, 'exit')
    network[Symbol.dispose]()
    expect((await exited)[1]).toBe('SIGKILL')
    expect(namespaces()).toEqual([])
  })

  test('takes away what a killed run has left, with its processes', async () => {
    const module = new URL('./support/network.ts', import.meta.url).href
    const script = `import { makeNetwork } from '${module}'
      import { spawn } from 'node:child_process'
      const [command, ...args] = [...makeNetwork(1).hosts[0].command, 'sleep', '600']
      console.log(spawn(command, args, { stdio: 'ignore' }).pid)
      setInterval(() => {}, 1_000)`
    const run = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(run.stdout, 'data')) as [Buffer]
    run.kill('SIGKILL')
    await once(run, 'exit')
    expect(namespaces(run.pid)).toHaveLength(2)
    expect(isAlive(Number(said))).toBe(true)
    makeNetwork(1)[Symbol.dispose]()
    expect(namespaces(run.pid)).toEqual([])
    await eventually('its process is gone', () => !isAlive(Number(said)))
  })
})
