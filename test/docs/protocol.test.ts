import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as addressChanges from '../../discovery/address-changes.ts'
import * as shell from '../../discovery/shell.ts'
import * as lanAnnouncement from '../../discovery/lan-announcement.ts'
import * as lanWatch from '../../discovery/lan-watch.ts'
import * as placeWatch from '../../discovery/place-watch.ts'
import * as joinAddresses from '../../discovery/join-addresses.ts'
import * as quorum from '../../discovery/core/quorum.ts'
import * as reign from '../../discovery/core/reign.ts'
import * as intake from '../../discovery/intake.ts'
import * as broadcast from '../../discovery/recipients.ts'
import * as metadata from '../../discovery/metadata.ts'
import * as ban from '../../discovery/ban.ts'
import * as ledger from '../../discovery/ledger.ts'
import * as ledgerExchange from '../../discovery/ledger-exchange.ts'
import * as ledgerFile from '../../discovery/ledger-file.ts'
import * as ledgerKeeper from '../../discovery/ledger-keeper.ts'
import * as rotation from '../../discovery/rotation.ts'
import * as meshSecrets from '../../node/mesh-secrets.ts'
import * as invitation from '../../discovery/invitation.ts'
import * as invitations from '../../discovery/invitations.ts'
import * as membership from '../../discovery/membership.ts'
import * as voteFile from '../../discovery/vote-file.ts'
import * as neighbours from '../../discovery/neighbours.ts'
import * as claim from '../../discovery/claim.ts'
import * as actorEvents from '../../node/actor-events.ts'
import * as logBook from '../../node/log-book.ts'
import * as log from '../../node/log.ts'
import * as dialRace from '../../node/dial-race.ts'
import * as host from '../../node/host.ts'
import * as door from '../../node/door.ts'
import * as relay from '../../node/relay.ts'
import * as portMapping from '../../node/port-mapping.ts'
import * as relayPlaces from '../../node/relay-places.ts'
import * as openGuard from '../../node/open-guard.ts'
import * as trace from '../../node/tracing.ts'
import * as following from '../../nursery/following.ts'
import * as latestWins from '../../nursery/latest-wins.ts'
import * as lossyQueue from '../../nursery/lossy-queue.ts'
import * as observeMesh from '../../nursery/observe-mesh.ts'
import * as vantage from '../../nursery/vantage.ts'
import * as vantageObserver from '../../nursery/vantage-observer.ts'
import * as acting from '../../nursery/acting.ts'
import * as actorTree from '../../nursery/actor-tree.ts'
import * as actorVitals from '../../nursery/actor-vitals.ts'
import * as observation from '../../nursery/observation.ts'
import * as observed from '../../nursery/observed.ts'
import * as observedQueue from '../../nursery/observed-queue.ts'
import * as passingUp from '../../nursery/passing-up.ts'
import * as actorOutput from '../../nursery/actor-output.ts'
import * as actorProcess from '../../nursery/actor-process.ts'
import * as guest from '../../nursery/placement/guest.ts'
import * as guestOutput from '../../nursery/placement/guest-output.ts'
import * as hostLink from '../../nursery/placement/host-link.ts'
import * as hosting from '../../nursery/placement/hosting.ts'
import * as hostingOptions from '../../nursery/placement/hosting-options.ts'
import * as placementTimes from '../../nursery/placement/placement-times.ts'
import * as spawnProtocol from '../../nursery/placement/spawn-protocol.ts'
import * as lifeline from '../../nursery/lifeline.ts'
import * as processLimits from '../../nursery/limits.ts'
import * as warmPool from '../../nursery/warm-pool.ts'
import * as family from '../../nursery/family.ts'
import * as nurseryOptions from '../../nursery/nursery-options.ts'
import * as mainTasks from '../../nursery/main-tasks.ts'
import * as argumentPumps from '../../rpc/argument-pumps.ts'
import * as wireProtocol from '../../rpc/protocol.ts'
import * as assemblyBudget from '../../rpc/assembly-budget.ts'
import * as itemSender from '../../rpc/item-sender.ts'
import * as turnLine from '../../rpc/turn-line.ts'
import * as errorCodec from '../../rpc/error-codec.ts'
import * as frameReader from '../../rpc/frame-reader.ts'
import * as frameStream from '../../rpc/frame-stream.ts'
import * as lane from '../../rpc/lane.ts'
import * as pendingCall from '../../rpc/pending-call.ts'
import * as retry from '../../rpc/retry.ts'
import * as servedLane from '../../rpc/served-lane.ts'
import * as builtins from '../../rpc/builtins.ts'
import * as caller from '../../rpc/caller.ts'
import * as callee from '../../rpc/callee.ts'
import * as misconduct from '../../rpc/misconduct.ts'
import * as relays from '../../rpc/broadcast.ts'
import * as portal from '../../rpc/portal.ts'
import * as stallWatch from '../../rpc/stall-watch.ts'
import * as streamArrivals from '../../rpc/stream-arrivals.ts'
import * as wireOwners from '../../rpc/wire-owners.ts'
import * as transferable from '../../rpc/transferable.ts'
import * as valueGraph from '../../rpc/value-graph.ts'

const limits: Record<string, unknown> = {
  ...broadcast,
  ...acting,
  ...following,
  ...latestWins,
  ...lossyQueue,
  ...observeMesh,
  ...vantage,
  ...vantageObserver,
  ...actorEvents,
  ...actorTree,
  ...actorVitals,
  ...builtins,
  ...caller,
  ...log,
  ...logBook,
  ...observation,
  ...observed,
  ...observedQueue,
  ...passingUp,
  ...metadata,
  ...relays,
  ...door,
  ...relay,
  ...placeWatch,
  ...addressChanges,
  ...dialRace,
  ...shell,
  ...lanAnnouncement,
  ...lanWatch,
  ...ban,
  ...ledger,
  ...ledgerExchange,
  ...ledgerFile,
  ...ledgerKeeper,
  ...rotation,
  ...meshSecrets,
  ...invitation,
  ...invitations,
  ...membership,
  ...wireOwners,
  ...host,
  ...actorOutput,
  ...actorProcess,
  ...processLimits,
  ...warmPool,
  ...lifeline,
  ...guest,
  ...guestOutput,
  ...hostLink,
  ...hosting,
  ...hostingOptions,
  ...placementTimes,
  ...spawnProtocol,
  ...mainTasks,
  ...argumentPumps,
  ...wireProtocol,
  ...nurseryOptions,
  ...family,
  ...assemblyBudget,
  ...itemSender,
  ...turnLine,
  ...errorCodec,
  ...frameReader,
  ...frameStream,
  ...lane,
  ...callee,
  ...pendingCall,
  ...servedLane,
  ...retry,
  ...misconduct,
  ...neighbours,
  ...claim,
  ...quorum,
  ...voteFile,
  ...reign,
  ...intake,
  ...joinAddresses,
  ...openGuard,
  ...portMapping,
  ...relayPlaces,
  ...trace,
  ...portal,
  ...stallWatch,
  ...streamArrivals,
  ...transferable,
  ...valueGraph,
}
const protocol = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')

const rows = [...protocol.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \| ([^|]+) \|/gm)].map(([, names = '', text = '']) => ({
  names: [...names.matchAll(/[A-Z_]+/g)].map(([name]) => name),
  text,
}))

test('the protocol page lists limits', () => expect(rows.length).toBeGreaterThan(15))

test.each(rows)('$names are as the protocol page says', ({ names, text }) => {
  const numbers = [...text.matchAll(/(\d[\d,.]*)( MiB)?/g)].map(
    ([, digits = '', unit]) => Number(digits.replaceAll(',', '')) * (unit === undefined ? 1 : 1024 * 1024),
  )
  expect(numbers).toEqual(expect.arrayContaining(names.map((name) => limits[name])))
})
