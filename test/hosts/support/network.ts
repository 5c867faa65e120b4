import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startTimeOf, isRunning } from '../../../discovery/process-life.ts'
import { isAlive } from '../../support/process-watcher.ts'

/** Namespaces of this project: owner's process id, when that process started, and the host's number. */
const NAME = /^greenroom-(\d+)-(\d+)-(\d+)$/
/** Hosts of one network: each is a /24 of the range that RFC 2544 sets aside for tests of networks. */
const MAX_HOSTS = 200
/** Milliseconds that a command of the system may take. */
const COMMAND_MS = 10_000
/** Where files of a namespace's own are, by its name. */
const CONFIGURATION = '/etc/netns'

/** A host of its own: its network, its address. Programs are started in it with {@link Host.command}. */
export interface Host {
  /** From 1. */
  readonly number: number
  /** The one that it has now. */
  readonly address: string
  /** What to put before a command line, so that it runs in this host. */
  readonly command: readonly string[]
  /** What the kernel counted in this host since it was made. */
  traffic(): Traffic
}

export interface Traffic {
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly sentPackets: number
  readonly receivedPackets: number
  /** Connections that were begun from here. */
  readonly dials: number
  /** Connections that are up, one end each. */
  readonly connections: number
}

/**
 * Hosts on one machine: network namespaces around a router, which has no way out. Disposing ends every process in them and takes
 * them away; what a killed run has left goes when the next network is made.
 */
export interface Network extends Disposable {
  readonly hosts: readonly Host[]
  /** What to put before a command line, so that it runs in the router. */
  readonly router: readonly string[]
  /** Loses every packet from one host to another, silently and in this direction alone. */
  cut(from: Host, to: Host): void
  /** Cuts both ways between every host of one side and every host of the other. */
  split(side: readonly Host[], other: readonly Host[]): void
  /** Pulls a host's plug, or puts it back: neither end says goodbye, and others hear that it is unreachable. */
  plug(host: Host, state: 'up' | 'down'): void
  /** Takes a host's address away and gives it another one of its subnet, as a router does after a while. */
  readdress(host: Host): void
  /** Gives a host an interface more, to which nothing is connected, with an address. */
  addInterface(host: Host, name: string, address: string): void
  /** What a name stands for on a host; it replaces what it stood for before. */
  name(on: Host, name: string, addresses: readonly string[]): void
  /** Takes all cuts back and all plugs in. */
  heal(): void
  /** Lets the programs that are started on a host from now on ask a server for names. */
  askForNames(host: Host, server: Host): void
}

/** Why no network can be made here; undefined when it can. */
export function whyNoNetwork(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    makeNetwork(1)[Symbol.dispose]()
    return undefined
  } catch (error) {
    return `network namespaces do not work here: ${(error as Error).message}`
  }
}

/** How hosts are wired: each to a router, in a subnet of its own, or all to one switch, in one subnet, with a router as well. */
type Wiring = 'routed' | 'switched'

/** @param count of hosts, 1 to 200 */
export function makeNetwork(count: number, wiring: Wiring = 'routed'): Network {
  if (!(Number.isInteger(count) && count > 0 && count <= MAX_HOSTS))
    throw new RangeError(`a network has 1 to ${MAX_HOSTS} hosts, got ${count}`)
  removeLeftovers()
  return new Namespaces(count, wiring)
}

/** Its device. */
const SWITCH = 'lan'

let made = 0

class Namespaces implements Network {
  readonly hosts: readonly Host[]
  readonly router: readonly string[]
  readonly #router: string
  readonly #names: readonly string[]
  readonly #cuts = new Map<string, number>()
  readonly #unplugged = new Set<Host>()
  /** By number of the host. */
  readonly #addresses = new Map<number, string>()
  readonly #onExit = (): void => this[Symbol.dispose]()

  constructor(count: number, wiring: Wiring) {
    const owner = `greenroom-${process.pid}-${startTimeOf(process.pid) ?? 0}`
    const base = made
    made += count + 1
    this.#router = `${owner}-${base}`
    this.router = ['ip', 'netns', 'exec', this.#router]
    const names = Array.from({ length: count }, (_, i) => `${owner}-${base + i + 1}`)
    this.#names = [this.#router, ...names]
    process.once('exit', this.#onExit)
    try {
      for (const name of this.#names) run('ip', ['netns', 'add', name])
      run('ip', ['netns', 'exec', this.#router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
      if (wiring === 'switched') this.#addSwitch()
      this.hosts = names.map((name, i) => this.#attach(name, i + 1, wiring))
      for (const name of names) untilPluggedIn(name)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  cut(from: Host, to: Host): void {
    const key = `${from.number} ${to.number}`
    if (this.#cuts.has(key)) return
    const preference = 1_000 + from.number * MAX_HOSTS + to.number
    this.#cuts.set(key, preference)
    this.#rule('add', preference, 'from', from.address, 'to', to.address, 'blackhole')
  }

  split(side: readonly Host[], other: readonly Host[]): void {
    for (const a of side) {
      for (const b of other) {
        this.cut(a, b)
        this.cut(b, a)
      }
    }
  }

  plug(host: Host, state: 'up' | 'down'): void {
    if (state === 'up') this.#unplugged.delete(host)
    else this.#unplugged.add(host)
    run('ip', ['-n', this.#router, 'link', 'set', `h${host.number}`, state])
  }

  readdress(host: Host): void {
    const name = this.#names[host.number] ?? ''
    const [before, last] = [host.address, Number(host.address.split('.').at(-1))]
    const after = before.replace(/\d+$/, String(last + 1))
    run('ip', ['-n', name, 'address', 'del', `${before}/24`, 'dev', 'eth0'])
    run('ip', ['-n', name, 'address', 'add', `${after}/24`, 'dev', 'eth0'])
    run('ip', ['-n', name, 'route', 'replace', 'default', 'via', gatewayOf(host.number)])
    this.#addresses.set(host.number, after)
  }

  addInterface(host: Host, name: string, address: string): void {
    const namespace = this.#names[host.number] ?? ''
    const other = `${name}-end`
    run('ip', ['-n', namespace, 'link', 'add', name, 'type', 'veth', 'peer', 'name', other])
    run('ip', ['-n', namespace, 'address', 'add', `${address}/24`, 'dev', name])
    for (const device of [name, other]) run('ip', ['-n', namespace, 'link', 'set', device, 'up'])
  }

  name(on: Host, name: string, addresses: readonly string[]): void {
    const directory = join(CONFIGURATION, this.#names[on.number] ?? '')
    mkdirSync(directory, { recursive: true })
    // in place: programs of the host see this very file
    writeFileSync(
      join(directory, 'hosts'),
      ['127.0.0.1 localhost', ...addresses.map((one) => `${one} ${name}`), ''].join('\n'),
    )
  }

  heal(): void {
    for (const preference of this.#cuts.values()) this.#rule('del', preference)
    this.#cuts.clear()
    for (const host of this.#unplugged) this.plug(host, 'up')
  }

  askForNames(host: Host, server: Host): void {
    const directory = join(CONFIGURATION, host.command.at(-1) ?? '')
    mkdirSync(directory, { recursive: true })
    // `ip netns exec` puts it in the place of the machine's own
    writeFileSync(join(directory, 'resolv.conf'), `nameserver ${server.address}\noptions timeout:1 attempts:1\n`)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#onExit)
    for (const name of this.#names) remove(name)
  }

  /** A cable to the router or the switch, a subnet of its own, and the router as the way to everybody else. */
  #addSwitch(): void {
    run('ip', ['-n', this.#router, 'link', 'add', SWITCH, 'type', 'bridge'])
    run('ip', ['-n', this.#router, 'address', 'add', `${gatewayOf(0)}/24`, 'dev', SWITCH])
    run('ip', ['-n', this.#router, 'link', 'set', SWITCH, 'up'])
  }

  #attach(name: string, number: number, wiring: Wiring): Host {
    const [address, gateway] =
      wiring === 'routed' ? [`198.18.${number}.2`, gatewayOf(number)] : [`198.18.0.${number + 1}`, gatewayOf(0)]
    const end = `h${number}`
    run('ip', ['link', 'add', end, 'netns', this.#router, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name])
    if (wiring === 'routed') run('ip', ['-n', this.#router, 'address', 'add', `${gateway}/24`, 'dev', end])
    else run('ip', ['-n', this.#router, 'link', 'set', end, 'master', SWITCH])
    run('ip', ['-n', this.#router, 'link', 'set', end, 'up'])
    run('ip', ['-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0'])
    for (const device of ['lo', 'eth0']) run('ip', ['-n', name, 'link', 'set', device, 'up'])
    run('ip', ['-n', name, 'route', 'add', 'default', 'via', gateway])
    const command = ['ip', 'netns', 'exec', name]
    const addresses = this.#addresses.set(number, address)
    return {
      number,
      get address() {
        return addresses.get(number) ?? ''
      },
      command,
      traffic: () => trafficIn(command),
    }
  }

  #rule(verb: 'add' | 'del', preference: number, ...what: readonly string[]): void {
    run('ip', ['-n', this.#router, 'rule', verb, 'pref', String(preference), ...what])
  }
}

function gatewayOf(number: number): string {
  return `198.18.${number}.1`
}

function trafficIn([program = '', ...args]: readonly string[]): Traffic {
  const text = run(program, [...args, 'cat', '/proc/net/dev', '/proc/net/snmp'])
  const device = /^\s*eth0:\s*(.*)$/m.exec(text)?.[1]?.trim().split(/\s+/).map(Number) ?? []
  const [names = [], values = []] = [...text.matchAll(/^Tcp: (.*)$/gm)].map(([, line = '']) => line.split(' '))
  const tcp = (name: string): number => Number(values[names.indexOf(name)])
  return {
    receivedBytes: device[0] ?? Number.NaN,
    receivedPackets: device[1] ?? Number.NaN,
    sentBytes: device[8] ?? Number.NaN,
    sentPackets: device[9] ?? Number.NaN,
    dials: tcp('ActiveOpens'),
    connections: tcp('CurrEstab'),
  }
}

/** Takes away the namespaces of runs that were killed. */
function removeLeftovers(): void {
  for (const line of run('ip', ['netns', 'list']).split('\n')) {
    const [name = ''] = line.split(' ')
    const [, pid, startedAt] = NAME.exec(name) ?? []
    if (pid !== undefined && startedAt !== undefined && !isRunning(Number(pid), startedAt)) remove(name)
  }
}

/** Ends what runs in a namespace, then takes it away; its cable goes with it. */
function remove(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8', timeout: COMMAND_MS }).stdout ?? ''
  for (const pid of pids.split('\n').filter(Boolean).map(Number)) {
    try {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    } catch {
      // it has ended meanwhile
    }
  }
  spawnSync('ip', ['netns', 'del', name], { timeout: COMMAND_MS })
  rmSync(join(CONFIGURATION, name), { recursive: true, force: true })
}

/** The kernel says a moment later that a cable is in; until then the host's own programs do not see its address. */
function untilPluggedIn(name: string): void {
  const end = performance.now() + COMMAND_MS
  while (!run('ip', ['-n', name, '-o', 'link', 'show', 'eth0']).includes('state UP')) {
    if (performance.now() > end) throw new Error(`the cable of ${name} is not in after ${COMMAND_MS} ms`)
  }
}

function run(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: COMMAND_MS })
  if (status === 0) return stdout
  throw new Error(`${[program, ...args].join(' ')}: ${error?.message ?? stderr.trim()}`)
}
