import { readCount, readDuration, readPort, readRelay } from '../read-option.ts'
import { chooseMesh } from '../choose-mesh.ts'
import type { Declaration } from './declaration.ts'

/** Subcommands that make this machine one of a mesh, and end that. */
export function declareJoining(declaration: Declaration): void {
  const { act } = declaration
  declaration
    .ofMesh('up', 'runs a peer of this host until it is told to end', [
      'greenroom up',
      'greenroom up --port 4001 --detach',
      'greenroom up --metrics :9464',
      'greenroom up --allow-spawn --max-actors 8 --tag gpu',
    ])
    .option('--port <number>', 'TCP port of all interfaces', readPort, 4001)
    .option('--listen <address...>', 'multiaddrs to listen on, in place of --port')
    .option('--announce <address...>', 'multiaddrs that others are told, for a host behind a router')
    .option('--join <invitation>', 'joins the mesh of an invitation first; - reads it from the standard input')
    .option(
      '--relay <how>',
      'offer: passes on connections to members that nobody can connect to; use: is one of them, and reached by those it joins by',
      readRelay,
    )
    .option('--port-mapping', 'asks the router of this network to pass on connections to this peer (UPnP)')
    .option('--mdns', 'finds peers that have the secret of the mesh on the local network, and is found by them')
    .option('--name <name>', "this peer's name, by default that of the host")
    .option('--profile <profile>', 'what lies between the hosts: loopback, lan or wan', 'lan')
    .option('--metrics <address>', 'serves metrics for Prometheus: :9464 for this machine alone, 0.0.0.0:9464 for all')
    .option('--tag <word...>', 'words that programs select this peer by')
    .option(
      '--allow-spawn [directory]',
      'starts actors for others of the mesh: modules below the directory, by default this one, or installed for it',
    )
    .option('--max-actors <number>', 'how many of them at a time, 1 to 4096; default 64', readCount)
    .option(
      '--max-actors-per-peer <number>',
      'how many of them for each actor that asks; default 32, or --max-actors when that is less',
      readCount,
    )
    .option('--detach', 'goes on in the background once it is up')
    .action(act(async (options) => await (await import('../up.ts')).up({ ...options, mesh: chooseMesh(options) })))
  declaration
    .ofMesh('invite', 'prints a line by which other machines join', [
      'greenroom invite',
      'greenroom invite --expires 1h --uses 5',
    ])
    .option('--expires <time>', 'how long it is good, such as 90s, 30m, 12h or 7d', readDuration)
    .option('--uses <number>', 'how many machines it lets in', readCount)
    .option('--address <address...>', 'multiaddrs with peer ids, in place of those that programs here listen on')
    .action(
      act(
        async (options) =>
          await (await import('../membership.ts')).printInvitation({ ...options, mesh: chooseMesh(options) }),
      ),
    )
  declaration
    .sub('join', 'joins this machine to the mesh of an invitation: programs that name the mesh find it from then on', [
      'greenroom join greenroom:AbCd…',
      'ssh studio greenroom invite --uses 1 | greenroom join -',
    ])
    .argument(
      '<invitation>',
      "what 'greenroom invite' printed; - reads it from the standard input, so that no process list shows it",
    )
    .action(
      act(
        async (invitation: string, options) =>
          await (await import('../membership.ts')).joinByInvitation(invitation, options),
      ),
    )
  declaration
    .ofMesh('rotate', 'changes the secret of a mesh while it runs; nobody who is banned gets the new one', [
      'greenroom rotate',
      'greenroom rotate --mesh studio --overlap 10m',
    ])
    .option(
      '--overlap <time>',
      'how long the former secret goes on to open connections, 1s to 1h; default 1m',
      readDuration,
    )
    .action(
      act(
        async (options) =>
          await (await import('../commands/rotate.ts')).rotate({ ...options, mesh: chooseMesh(options) }),
      ),
    )
  declaration
    .ofMesh('ban', 'keeps a member, and the actors below it, out of a mesh; without one, lists who is banned', [
      'greenroom ban stolen-laptop --why "stolen on Monday" --rotate',
      'greenroom ban',
    ])
    .argument('[member]', 'its name, or its whole peer id')
    .option('--why <text>', 'for whoever reads the list')
    .option('--rotate', 'changes the secret as well: without that it could come back under another identity')
    .action(
      act(
        async (member: string | undefined, options) =>
          await (await import('../commands/ban.ts')).ban(member, { ...options, mesh: chooseMesh(options) }),
      ),
    )
  declaration
    .ofMesh(
      'unban',
      'lets a banned member back into a mesh; after a change of the secret it needs a new invitation as well',
      ['greenroom unban stolen-laptop'],
    )
    .argument('<member>', 'its name, or its whole peer id')
    .action(
      act(
        async (member: string, options) =>
          await (await import('../commands/ban.ts')).unban(member, { ...options, mesh: chooseMesh(options) }),
      ),
    )
  declaration
    .ofMesh('leave', 'ends the peer of this host and forgets the mesh', ['greenroom leave --mesh studio'])
    .action(act(async (options) => await (await import('../membership.ts')).leaveMesh(chooseMesh(options), options)))
}
