// Writes docs/cli.md: what each subcommand is for, and what it printed when it was run on a real mesh of three roots.
//
//   node scripts/command-docs.ts           all anew
//   node scripts/command-docs.ts --keep    the options anew, with the examples that are there
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { greenroomCommand } from '../cli/program.ts'
import { type Run, recordTerminal } from './recording/terminal-recording.ts'

/** Milliseconds that one run of the command, or the start of a root, may take. */
const LIMIT_MS = 60_000
/** Characters of one example, so that a page stays one that people read. */
const MAX_SHOWN = 2_400

/** The window in which `watch` is shown, and milliseconds for which it looks before it is. */
const SCREEN = { columns: 80, rows: 24 }
const WATCHED_MS = 6_000

/** What follows it in the page is written here. */
const MARK = '<!-- written by scripts/command-docs.ts from here on -->'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = join(root, 'docs', 'cli.md')
const command = join(root, 'cli', 'index.ts')
const program = join(root, 'test', 'cli', 'fixtures', 'troupe.ts')
const TREES = [
  ['theatre', 'frank', 'gretchen'],
  ['opera', 'tenor', 'chorus'],
  ['circus', 'clown', 'lion'],
]

/** What is shown of each subcommand, in this order; by its name, as it is typed. */
const SHOWN: Readonly<Record<string, readonly (readonly string[])[]>> = {
  members: [['members'], ['members', '--json']],
  actors: [
    ['actors', '--where', 'root=opera'],
    ['actors', '--where', 'name=tenor', '--json'],
  ],
  tree: [['tree', 'opera']],
  top: [
    ['top', '--limit', '4'],
    ['top', '--limit', '1', '--json'],
  ],
  logs: [
    ['logs', 'lion'],
    ['logs', 'lion', '--json'],
  ],
  events: [
    ['events', '--recent', '8'],
    ['events', '--type', 'act', '--recent', '2', '--json'],
  ],
  arbiter: [['arbiter'], ['arbiter', '--json']],
  describe: [
    ['describe', 'tenor'],
    ['describe', 'tenor', '--json'],
  ],
  ping: [
    ['ping', 'tenor'],
    ['ping', 'tenor', '--json'],
  ],
  rtt: [['rtt'], ['rtt', 'clown', '--json']],
  doctor: [
    ['doctor', '--verbose'],
    ['doctor', '--json'],
  ],
  call: [
    ['call', 'tenor', 'troupe#hi'],
    ['call', 'tenor', 'troupe#add', '1', '2', '--json'],
    ['call', 'tenor', 'troupe#fail', '"too far"', '--json'],
  ],
  stream: [['stream', 'lion', 'troupe#count', '3', '--json']],
  cancel: [['cancel', 'frank', '--reason', 'the show is over', '--json']],
  kill: [['kill', 'chorus']],
  level: [['level', 'debug', 'lion', '--for', '5m', '--json']],
  bench: [['bench', 'berlin', '--for', '200ms', '--json']],
  invite: [
    [
      'invite',
      '--uses',
      '1',
      '--address',
      '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWFW5kYHMgiVPGPunibZzPjDKGkHpc2fJZeLKnEcycKerb',
      '--json',
    ],
  ],
  context: [
    ['context', 'add', 'home', 'stage'],
    ['context', 'list'],
    ['context', 'list', '--json'],
  ],
}

const directory = mkdtempSync(join(tmpdir(), 'greenroom-docs-'))
const env: NodeJS.ProcessEnv = {
  ...process.env,
  XDG_RUNTIME_DIR: directory,
  XDG_STATE_HOME: join(directory, 'state'),
  XDG_CONFIG_HOME: join(directory, 'config'),
  GREENROOM_MESH: 'stage',
}
const children: ChildProcess[] = []
process.on('exit', () => rmSync(directory, { recursive: true, force: true }))

writeFileSync(file, page(process.argv.includes('--keep') ? keptExamples() : await newExamples()))

async function newExamples(): Promise<Map<string, readonly string[]>> {
  try {
    await startMesh()
    await run(['call', 'lion', 'troupe#mutter', '"somebody looks at me"'])
    await run(['call', 'tenor', 'troupe#hi'])
    const outputs = new Map<string, readonly string[]>()
    for (const [name, examples] of Object.entries(SHOWN)) {
      const shown: string[] = []
      for (const args of examples) shown.push(await example(args))
      outputs.set(name, shown)
    }
    outputs.set('watch', [await screenExample()])
    return outputs
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map(async (child) => child.exitCode ?? (await once(child, 'exit'))))
  }
}

function keptExamples(): Map<string, readonly string[]> {
  const sections = readFileSync(file, 'utf8').split(/^## greenroom /m)
  return new Map(
    sections.map((text) => [
      /^\w*/.exec(text)![0],
      [...text.matchAll(/^```console\n[^]*?^```/gm)].map(([block]) => block),
    ]),
  )
}

async function startMesh(): Promise<void> {
  const total = String(TREES.flat().length)
  const ready = TREES.map(async ([name = '', ...actors]) => {
    await startAndWait([program, 'stage', total, name, ...actors], `${name} is ready`)
  })
  await Promise.all(ready)
  await startAndWait([command, 'up', '--name', 'berlin', '--listen', '/ip4/127.0.0.1/tcp/0'], 'berlin is up')
}

async function startAndWait(args: string[], words: string): Promise<void> {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  const late = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(words)) break
  clearTimeout(late)
  if (child.exitCode !== null) throw new Error(`${args.join(' ')} ended before it said '${words}'`)
  child.stdout.resume()
}

async function run(args: readonly string[]): Promise<{ readonly text: string; readonly code: number | null }> {
  const child = spawn(process.execPath, [command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (part) => (text += part))
  const late = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(late)
  return { text: text.trimEnd(), code }
}

async function example(args: readonly string[]): Promise<string> {
  const { text, code } = await run(args)
  const typed = ['greenroom', ...args.map((arg) => (/^[\w./:=#*-]+$/.test(arg) ? arg : `'${arg}'`))].join(' ')
  const cleaned = text.replaceAll(directory, '/run/user/1000')
  const lines = cleaned.length > MAX_SHOWN ? `${cleaned.slice(0, cleaned.lastIndexOf('\n', MAX_SHOWN))}\n…` : cleaned
  return `\`\`\`console\n$ ${typed}\n${lines}${code === 0 ? '' : `\n(exit code ${code})`}\n\`\`\``
}

/** What stands on the screen of `watch` when it is quit. */
async function screenExample(): Promise<string> {
  const variables = ['XDG_RUNTIME_DIR', 'XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'GREENROOM_MESH']
  const settings = variables.map((name) => `${name}='${env[name] ?? ''}'`).join(' ')
  const { frames } = await recordTerminal({
    command: `env ${settings} '${process.execPath}' '${command}' watch`,
    ...SCREEN,
    limitMs: LIMIT_MS,
    keys: [{ at: WATCHED_MS, text: 'q' }],
  })
  const screens = frames.map(({ lines }) => lines.map(textOf).join('\n').trimEnd())
  const last = screens.findLast((text) => text.includes('HEALTH'))
  if (last === undefined) throw new Error(`watch showed no actors: ${screens.at(-1) ?? 'nothing'}`)
  return `\`\`\`console\n$ greenroom watch\n${last}\n\`\`\``
}

function textOf(line: readonly Run[]): string {
  return line.reduce((text, run) => text.padEnd(run.column) + run.text, '').trimEnd()
}

function page(outputs: ReadonlyMap<string, readonly string[]>): string {
  const commands = greenroomCommand(() => async () => {}).commands.filter((one) => one.name() !== 'help')
  const [before = ''] = readFileSync(file, 'utf8').split(MARK)
  return `${before}${MARK}\n\n${commands.map((one) => section(one, outputs.get(one.name()) ?? [])).join('\n\n')}\n`
}

function section(one: Command, examples: readonly string[]): string {
  const parts = one.commands.filter((part) => part.name() !== 'help')
  const description = one.description()
  return [
    `## greenroom ${one.name()}`,
    `${description[0]?.toUpperCase()}${description.slice(1)}.`,
    `\`greenroom ${one.name()} ${one.usage()}\``,
    ...parts.map((part) => `- \`greenroom ${one.name()} ${part.name()} ${part.usage()}\`: ${part.description()}`),
    options(one),
    ...examples,
  ]
    .filter((text) => text !== '')
    .join('\n\n')
}

function options(one: Command): string {
  const rows = one.options
    .filter(({ long }) => !['--mesh', '--context', '--json'].includes(long ?? ''))
    .map(({ flags, description }) => `| \`${flags.replaceAll('|', '\\|')}\` | ${description.replaceAll('|', '\\|')} |`)
  return rows.length === 0 ? '' : ['| option | |', '| --- | --- |', ...rows].join('\n')
}
