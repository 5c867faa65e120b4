#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { listActors } from './list-actors.ts'
import { listMembers } from './list-members.ts'
import { joinByInvitation, leaveMesh, printInvitation } from './membership.ts'
import { type UpOptions, up } from './up.ts'

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const DEFAULT_MESH = process.env['GREENROOM_MESH'] || 'default'

process.exitCode = await main(process.argv)

/** Exit codes: 0 done, 1 the mesh or this machine says no, 2 wrong usage. */
async function main(argv: string[]): Promise<number> {
  let code = 0
  const act =
    <A extends unknown[]>(perform: (...args: A) => Promise<number | void>) =>
    async (...args: A): Promise<void> => {
      code = (await perform(...args)) ?? 0
    }
  try {
    await program(act).parseAsync(argv)
    return code
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    console.error(`greenroom: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

type Act = <A extends unknown[]>(perform: (...args: A) => Promise<number | void>) => (...args: A) => Promise<void>

function program(act: Act): Command {
  const command = new Command('greenroom')
    .description('joins this machine to meshes of actors, and looks into them')
    .exitOverride()
    .showHelpAfterError()
    .addHelpText('after', '\nExit codes: 0 done, 1 the mesh or this machine says no, 2 wrong usage.')
  const sub = (name: string, description: string, ...examples: string[]): Command =>
    command
      .command(name)
      .description(description)
      .option('--mesh <name>', 'which mesh', DEFAULT_MESH)
      .addHelpText('after', `\nExamples:\n${examples.map((example) => `  ${example}`).join('\n')}`)
  sub('up', 'runs a peer of this host until it is told to end', 'greenroom up', 'greenroom up --port 4001 --detach')
    .option('--port <number>', 'TCP port of all interfaces', readPort, 4001)
    .option('--listen <address...>', 'multiaddrs to listen on, in place of --port')
    .option('--announce <address...>', 'multiaddrs that others are told, for a host behind a router')
    .option('--join <invitation>', 'joins the mesh of an invitation first')
    .option('--name <name>', "this peer's name, by default that of the host")
    .option('--profile <profile>', 'what lies between the hosts: loopback, lan or wan', 'lan')
    .option('--detach', 'goes on in the background once it is up')
    .action(act(async (options: UpOptions) => await up(options)))
  sub(
    'invite',
    'prints a line by which other machines join',
    'greenroom invite',
    'greenroom invite --expires 1h --uses 5',
  )
    .option('--expires <time>', 'how long it is good, such as 90s, 30m, 12h or 7d', readDuration)
    .option('--uses <number>', 'how many machines it lets in', Number)
    .option('--address <address...>', 'multiaddrs with peer ids, in place of those that programs here listen on')
    .action(act(async (options: Parameters<typeof printInvitation>[0]) => await printInvitation(options)))
  command
    .command('join')
    .description('joins this machine to the mesh of an invitation: programs that name the mesh find it from then on')
    .argument(
      '<invitation>',
      "what 'greenroom invite' printed; - reads it from the standard input, so that no process list shows it",
    )
    .action(act(async (invitation: string) => await joinByInvitation(invitation)))
  sub('leave', 'ends the peer of this host and forgets the mesh', 'greenroom leave --mesh studio').action(
    act(async ({ mesh }: { mesh: string }) => await leaveMesh(mesh)),
  )
  sub('members', 'the roots of a mesh; * marks the arbiter', 'greenroom members', 'greenroom members --json')
    .option('--json', 'as JSON')
    .action(act(async (options: { mesh: string; json?: boolean }) => await listMembers(options)))
  sub('actors', 'the live actors as a tree; * marks the arbiter', 'greenroom actors --mesh studio').action(
    act(async ({ mesh }: { mesh: string }) => await listActors(mesh)),
  )
  return command
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port
  throw new InvalidArgumentError('give a port from 0, any free one, to 65535')
}

function readDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined) return Number(count) * UNITS[unit as keyof typeof UNITS]
  throw new InvalidArgumentError('give a whole number and s, m, h or d, such as 30m')
}
