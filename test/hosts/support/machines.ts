import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deadline } from '../../support/headroom.ts'
import { type Program, type ProgramOptions, startProgram } from '../../support/program.ts'
import { type Host, makeNetwork, type Network } from './network.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Milliseconds, on an idle machine, that a command of the command line may take. */
const COMMAND_MS = 20_000

/** Hosts with files of their own, as machines have them; disposing ends what runs on them. */
export interface Machines extends Disposable {
  readonly network: Network
  readonly hosts: readonly Host[]
  /** Of files that go with them. */
  readonly directory: string
  /** Environment of programs on a host. */
  env(host: Host): Record<string, string | undefined>
  /** Starts a file of this project on a host. */
  start(host: Host, file: string, options?: ProgramOptions): Promise<Program>
  /** The secret of a mesh, as a host keeps it. */
  secretOf(host: Host, mesh: string): Buffer
  /** Runs the greenroom command on a host; gives what it printed. @throws Error when it fails */
  greenroom(host: Host, ...args: readonly string[]): Promise<string>
  /** What a web service says to somebody on its own host. @param place port and path, such as `:8080/health` */
  fetch(host: Host, place: string): string
}

export function startMachines(count: number): Machines {
  const directory = mkdtempSync(join(tmpdir(), 'greenroom-hosts-'))
  const network = makeNetwork(count)
  const env = ({ number }: Host): Record<string, string | undefined> => {
    const own = join(directory, `host${number}`)
    mkdirSync(own, { recursive: true, mode: 0o700 })
    return {
      XDG_RUNTIME_DIR: own,
      XDG_STATE_HOME: join(own, 'state'),
      XDG_CONFIG_HOME: join(own, 'config'),
      GREENROOM_MESH: undefined,
      GREENROOM_JOIN: undefined,
      DEBUG: undefined,
      FORCE_COLOR: undefined,
    }
  }
  return {
    network,
    hosts: network.hosts,
    directory,
    env,
    secretOf: (host, mesh) =>
      readFileSync(join(env(host)['XDG_RUNTIME_DIR']!, `greenroom-${process.getuid?.()}`, mesh, 'secret')),
    start: async (host, file, options = {}) =>
      await startProgram(join(root, file), {
        cwd: root,
        ...options,
        command: host.command,
        env: { ...env(host), ...options.env },
      }),
    greenroom: async (host, ...args) => {
      const [ip = '', ...inHost] = host.command
      const before = [...inHost, process.execPath, join(root, 'cli/index.ts')]
      const { stdout } = await promisify(execFile)(ip, [...before, ...args], {
        env: { ...process.env, ...env(host) },
        timeout: deadline(COMMAND_MS),
      })
      return stdout.trim()
    },
    fetch: (host, place) => {
      const script = `fetch('http://127.0.0.1${place}').then((answer) => answer.text()).then(console.log)`
      const [ip = '', ...inHost] = host.command
      return execFileSync(ip, [...inHost, process.execPath, '-e', script], { encoding: 'utf8', timeout: COMMAND_MS })
    },
    [Symbol.dispose]: () => {
      network[Symbol.dispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
