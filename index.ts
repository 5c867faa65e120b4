export type { ArbiterOptions } from './discovery/arbiter-options.ts'
export { bannedMembers, banMember, unbanMember, type BannedMember, type BanOptions } from './discovery/ban-member.ts'
export { getArbiter, watchArbiter, type Arbiter, type ArbiterChange } from './discovery/arbiter.ts'
export type { ActorInfo } from './discovery/actor-info.ts'
export { claim, type Claim, type ClaimOptions } from './discovery/claim.ts'
export { broadcast, type BroadcastOutcome, type BroadcastTo } from './discovery/broadcast.ts'
export type { DiscoveryEvent } from './discovery/events.ts'
export { compareFencingTokens, type FencingToken } from './discovery/fencing-token.ts'
export { findActor, findActors, waitForActor } from './discovery/find.ts'
export { join, members, watchMembers, type Membership } from './discovery/groups.ts'
export { discovery } from './discovery/look.ts'
export type { Telling } from './discovery/ledger-keeper.ts'
export { knownMeshes, type KnownMesh } from './discovery/known-meshes.ts'
export type { MetadataOptions } from './discovery/metadata.ts'
export type { Office } from './discovery/office.ts'
export type { ProfileName } from './discovery/profile.ts'
export { rotateSecret, type RotatedSecret, type RotateOptions } from './discovery/rotate-secret.ts'
export type { Conditions, FindOptions, Where } from './discovery/selection.ts'
export type {
  ArbiterSnapshot,
  ClaimSnapshot,
  DialSnapshot,
  DiscoverySnapshot,
  ElectionSnapshot,
  EndedSnapshot,
  MemberSnapshot,
  SelfSnapshot,
  SnapshotOptions,
  SuspicionSnapshot,
} from './discovery/snapshot.ts'
export type { ReignSnapshot } from './discovery/reigns.ts'
export { watchActors, type ActorChange } from './discovery/watch.ts'
export type { Act, Actant, ActorEvent, ActorFact } from './node/actor-events.ts'
export type { ActorStats, CallStats, FunctionStats, Latency } from './node/actor-stats.ts'
export { currentSignal } from './node/cancel-scope.ts'
export { currentActor, type Actor } from './node/current-actor.ts'
export { registerError, type ErrorClass } from './node/error-classes.ts'
export {
  ActorDied,
  ActorTooSlow,
  BootFailed,
  Cancelled,
  DeadlineExceeded,
  FencedOut,
  GreenroomError,
  InvalidArgument,
  Lagged,
  LimitExceeded,
  NameTaken,
  NotExposed,
  ProtocolError,
  RemoteActorError,
  TooManyRestarts,
  type ActorRef,
} from './node/errors.ts'
export type { CallRef } from './node/cancel-scope.ts'
export { getConsoleLog, type Log, type LogLevel } from './node/log.ts'
export type { LogLine } from './node/log-book.ts'
export type { ProcessReading } from './node/process-meter.ts'
export {
  cancelScope,
  failAfter,
  moveOnAfter,
  shield,
  sleep,
  type CancelScopeHandle,
  type ScopeResult,
} from './node/scopes.ts'
export { acceptInvitation } from './nursery/accept-invitation.ts'
export type { ActorStdio } from './nursery/actor-output.ts'
export type {
  ActorTree,
  ChildTree,
  EndedChild,
  LastRestart,
  NurseryTree,
  ServedCall,
  Wait,
} from './nursery/actor-tree.ts'
export type { ActorVitals, ConnectionVitals, StreamVitals } from './nursery/actor-vitals.ts'
export { describeTree, type TreeOptions } from './nursery/describe-tree.ts'
export { hostPeerOf, runHostPeer, type HostPeer } from './nursery/host-peer.ts'
export { invite, type InviteOptions } from './nursery/invite.ts'
export { joinMesh, type JoinedMesh } from './nursery/join-mesh.ts'
export { leaveMesh } from './nursery/leave-mesh.ts'
export type { ActorLimits } from './nursery/limits.ts'
export type { HostChoice } from './nursery/placement/host-choice.ts'
export type { HostingOptions } from './nursery/placement/hosting-options.ts'
export type { ActorOptions, NurseryOptions, OneShotOptions, TaskOptions } from './nursery/nursery-options.ts'
export { openNursery, type LocalTask, type Nursery } from './nursery/nursery.ts'
export { readVitals, type VitalsOptions } from './nursery/read-vitals.ts'
export { nurseryReports, type ChildReport, type NurseryReport, type Restarted, type Step } from './nursery/report.ts'
export type { Backoff, Restart, Strategy } from './nursery/restart-policy.ts'
export type {
  ActOutcome,
  EventOptions,
  FollowOptions,
  Gap,
  LogOptions,
  MeshEvent,
  MeshObserver,
  MeshTrees,
  Silence,
} from './nursery/mesh-observer.ts'
export { observeMesh, type ObserveOptions } from './nursery/observe-mesh.ts'
export type { MeshOptions } from './nursery/root.ts'
export { run, type RunOptions } from './nursery/run.ts'
export { runOnArbiter, type RunOnArbiterOptions } from './nursery/run-on-arbiter.ts'
export { setLogLevel, type LogLevelOptions } from './nursery/set-log-level.ts'
export { showTree } from './nursery/show-tree.ts'
export type { StartMethod } from './nursery/start-method.ts'
export type { Context, ContextStream } from './rpc/context.ts'
export { expose, type AnyFunction, type ExposedModule, type FunctionKind } from './rpc/exposed.ts'
export type { StackPolicy } from './rpc/kinship.ts'
export { fanOut, type FanOut, type FanOutOptions, type SubscribeOptions, type Subscription } from './rpc/fan-out.ts'
export type { CallOptions } from './rpc/call-options.ts'
export type { ContextFunction, Invoked, RunResult } from './rpc/call-types.ts'
export type { Portal } from './rpc/portal.ts'
export type { FunctionDescription } from './rpc/protocol.ts'
export type { RemoteContext } from './rpc/remote-context.ts'
export type { RemoteStream } from './rpc/remote-stream.ts'
