import { inspect } from 'node:util'
import { selectMembers } from '../discovery/members.ts'
import type { FindOptions } from '../discovery/selection.ts'
import type { DiscoverySnapshot, MemberSnapshot, SnapshotOptions } from '../discovery/snapshot.ts'
import { type ActorRef, describeError, GreenroomError, InvalidArgument } from '../node/errors.ts'
import { checkLevelMs, checkLogLevel, type LogLevel } from '../node/log.ts'
import type { LogLine } from '../node/log-book.ts'
import { failAfter } from '../node/scopes.ts'
import { builtinId } from '../rpc/builtins.ts'
import type { Target } from '../rpc/caller.ts'
import type { Portal } from '../rpc/portal.ts'
import { MAX_REASON } from './acting.ts'
import { type ActorTree, checkTreeTimeout, TREE_TIMEOUT_MS } from './actor-tree.ts'
import type { TreeOptions } from './describe-tree.ts'
import { followMesh, type FollowRequest } from './following.ts'
import type { ActOutcome, EventOptions, Gap, LogOptions, MeshEvent, MeshObserver, MeshTrees } from './mesh-observer.ts'
import { MAX_NAMED_ACTORS, MAX_RECALLED_ITEMS } from './observed.ts'
import { sideBySide } from './side-by-side.ts'
import { isSilence, type Vantage } from './vantage.ts'

/** Actors that one observer asks at a time. */
export const MAX_ASKED_AT_ONCE = 64
/** Milliseconds that who acts on an actor is waited for. */
export const ACT_TIMEOUT_MS = 5_000
/** Lines of before that are told unless it is said how many. */
const RECENT_LINES = 100

/** Looks at a mesh from a place in it. */
export class VantageObserver implements MeshObserver {
  readonly #vantage: Vantage

  constructor(vantage: Vantage) {
    this.#vantage = vantage
  }

  get mesh(): string {
    return this.#vantage.mesh
  }

  get self(): ActorRef {
    const { name, id } = this.#vantage.self
    return { name, id }
  }

  get gate(): ActorRef {
    const { name, id } = this.#vantage.gate
    return { name, id }
  }

  async snapshot(options: SnapshotOptions = {}): Promise<DiscoverySnapshot> {
    return await this.#vantage.look(options)
  }

  async members(options: FindOptions = {}): Promise<MemberSnapshot[]> {
    return selectMembers(await this.#vantage.members(), options)
  }

  portal(member: Target): Portal {
    return this.#vantage.portal(member)
  }

  async trees({ timeoutMs = TREE_TIMEOUT_MS }: TreeOptions = {}): Promise<MeshTrees> {
    checkTreeTimeout(timeoutMs)
    const roots = (await this.#vantage.members()).filter(({ parent }) => parent === null)
    const trees: ActorTree[] = []
    const silent: { actor: ActorRef; why: string }[] = []
    const ask = async (root: MemberSnapshot): Promise<ActorTree> =>
      // those below have to be late before their root is
      (await failAfter(timeoutMs, async () => await this.#ask(root, 'tree', timeoutMs * 0.9))) as ActorTree
    const outcomes = await sideBySide(roots, MAX_ASKED_AT_ONCE, async (root) => {
      try {
        return await ask(root)
      } catch (error) {
        return { actor: refOf(root), why: describeError(error) }
      }
    })
    for (const outcome of outcomes)
      if ('why' in outcome) silent.push(outcome)
      else trees.push(outcome)
    return { trees, silent }
  }

  events({ recent = 0, follow = true, actors }: EventOptions = {}): AsyncGenerator<MeshEvent, void> {
    checkRecent(recent)
    const request: FollowRequest = {
      events: true,
      level: 'silent',
      discovery: true,
      recent,
      follow,
      ...named(actors),
    }
    return followMesh(this.#vantage, request, (followed): MeshEvent | undefined => {
      if ('gap' in followed) return followed.gap
      const { item, from } = followed
      if ('event' in item) return item.event
      return 'discovery' in item ? { ...item.discovery, seenBy: refOf(from) } : undefined
    })
  }

  logs({ recent = RECENT_LINES, level = 'trace', follow = false, actors }: LogOptions = {}): AsyncGenerator<
    LogLine | Gap,
    void
  > {
    checkRecent(recent)
    checkLogLevel(level)
    const request: FollowRequest = { events: false, level, discovery: false, recent, follow, ...named(actors) }
    return followMesh(this.#vantage, request, (followed): LogLine | Gap | undefined => {
      if ('gap' in followed) return followed.gap
      return 'line' in followed.item ? followed.item.line : undefined
    })
  }

  async setLogLevel(
    level: LogLevel,
    { forMs, ...options }: FindOptions & { readonly forMs?: number } = {},
  ): Promise<ActOutcome[]> {
    checkLogLevel(level)
    checkLevelMs(forMs)
    const members = await this.#vantage.members()
    const chosen =
      options.where === undefined ? members.filter(({ parent }) => parent === null) : selectMembers(members, options)
    return await sideBySide(chosen, MAX_ASKED_AT_ONCE, async (member): Promise<ActOutcome> => {
      try {
        await failAfter(ACT_TIMEOUT_MS, async () => await this.#act(member, 'setLogLevel', level, forMs))
        return { actor: refOf(member) }
      } catch (error) {
        return { actor: refOf(member), why: describeError(error) }
      }
    })
  }

  async cancel(member: MemberSnapshot, { reason }: { readonly reason?: string } = {}): Promise<void> {
    checkReason(reason)
    try {
      await this.#vantage.portal(member).cancelActor(reason === undefined ? {} : { reason })
    } catch (error) {
      if (!isSilence(error) || member.parent === null) throw error
      await this.#endByParent(member, false, reason)
    }
  }

  async kill(member: MemberSnapshot, { reason }: { readonly reason?: string } = {}): Promise<void> {
    checkReason(reason)
    if (member.parent !== null) return await this.#endByParent(member, true, reason)
    try {
      await failAfter(ACT_TIMEOUT_MS, async () => await this.#act(member, 'kill', reason))
    } catch (error) {
      if (!isSilence(error)) throw error
      throw new GreenroomError(
        'NOT_ENDED',
        `${member.name} does not answer, and no other actor sees its process: end that process on its machine`,
        { cause: error },
      )
    }
  }

  async leave(): Promise<void> {
    await this.#vantage.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.leave()
  }

  async #endByParent(member: MemberSnapshot, force: boolean, reason: string | undefined): Promise<void> {
    const parent = (await this.#vantage.members()).find(({ id }) => id === member.parent)
    if (parent === undefined) throw new GreenroomError('NOT_ENDED', `who started ${member.name} is no member any more`)
    try {
      await this.#act(parent, 'endChild', member.id, force, reason)
    } catch (error) {
      if (!isSilence(error)) throw error
      const message = `${member.name} is not ended: ${parent.name}, which started it, does not answer`
      throw new GreenroomError('NOT_ENDED', message, { cause: error })
    }
  }

  async #act(target: Target, what: 'setLogLevel' | 'endChild' | 'kill', ...args: unknown[]): Promise<unknown> {
    return await this.#ask(target, what, ...args, this.#vantage.self.name)
  }

  async #ask(target: Target, what: Parameters<typeof builtinId>[0], ...args: unknown[]): Promise<unknown> {
    return await this.#vantage.portal(target).call(builtinId(what), ...args)
  }
}

function refOf({ name, id }: ActorRef): ActorRef {
  return { name, id }
}

function named(actors: readonly string[] | undefined): { readonly actors?: readonly string[] } {
  if (actors === undefined) return {}
  const isList = Array.isArray(actors) && actors.every((one) => typeof one === 'string')
  if (!isList || actors.length > MAX_NAMED_ACTORS)
    throw new InvalidArgument(`actors is a list of at most ${MAX_NAMED_ACTORS} names or peer ids`)
  return { actors: [...actors] }
}

function checkRecent(recent: number): void {
  if (!(Number.isInteger(recent) && recent >= 0 && recent <= MAX_RECALLED_ITEMS))
    throw new InvalidArgument(`recent is 0 to ${MAX_RECALLED_ITEMS}, got ${inspect(recent, { depth: 0 })}`)
}

function checkReason(reason: string | undefined): void {
  if (reason !== undefined && !(typeof reason === 'string' && reason.length <= MAX_REASON))
    throw new InvalidArgument(`reason is a text of at most ${MAX_REASON} characters`)
}
