import type { ActorRef, Gap, MeshEvent } from '../index.ts'
import { shortId, showMs, visible } from './text.ts'

/** What happened, in words, without the time; as text that is harmless to a terminal. */
export function showEvent(event: MeshEvent): string {
  switch (event.type) {
    case 'lagged':
    case 'silent':
      return showGap(event)
    case 'up':
      return `${nameOf(event.actor)} is up`
    case 'updated':
      return `${nameOf(event.actor)} says something else of itself: ${visible(sayings(event.actor))}`
    case 'down':
      return `${nameOf(event.actor)} is gone: ${GONE[event.why]}${event.by === undefined ? '' : `, says ${nameOf(event.by)}`}`
    case 'joined':
      return event.alone
        ? `${nameOf(event.seenBy)} is alone in the mesh`
        : `${nameOf(event.seenBy)} has joined the mesh`
    case 'arbiter':
      if (event.actor === undefined) return `nobody rules; the term is ${event.term}`
      return `${nameOf(event.actor)} rules in term ${event.term}${event.provisional ? ', provisionally' : ''}`
    case 'stands':
      return `${nameOf(event.seenBy)} asks for votes in term ${event.term}`
    case 'electorate':
      return `votes are not counted: ${ELECTORATE[event.problem]} ${visible(event.names.join(', '))}`
    case 'suspected':
      return `${nameOf(event.peer)} is suspected to be dead by ${nameOf(event.by)}`
    case 'refuted':
      return `${nameOf(event.peer)} has shown that it lives`
    case 'accused':
      return `${nameOf(event.seenBy)} was taken for dead by ${nameOf(event.by)}, and has refuted it`
    case 'claimed':
      return `${nameOf(event.seenBy)} holds the name ${visible(event.name)}, token ${event.term}.${event.serial}`
    case 'claimLost':
      return `${nameOf(event.seenBy)} has lost the name ${visible(event.name)}: ${event.why}${event.holder === undefined ? '' : `, ${nameOf(event.holder)} has it`}`
    case 'linkUp':
      return `${nameOf(event.seenBy)} and ${nameOf(event.peer)} are neighbours`
    case 'linkDown':
      return `${nameOf(event.seenBy)} and ${nameOf(event.peer)} are neighbours no more`
    case 'breach':
      return `${nameOf(event.peer)} broke the protocol: ${visible(event.why)}`
    case 'banned':
      return `${nameOf(event.by)} bans ${nameOf(event.peer)}${event.why === '' ? '' : `: ${visible(event.why)}`}`
    case 'unbanned':
      return `${nameOf(event.by)} lets ${nameOf(event.peer)} back in${event.why === '' ? '' : `: ${visible(event.why)}`}`
    case 'rotated':
      return `${nameOf(event.by)} has changed the secret of the mesh, which is number ${event.epoch} now`
    case 'seedLost':
      return `${nameOf(event.peer)}, an address to join by, was given up: ${event.outcome}`
    case 'conflict':
      return `another process lives with the identity of ${nameOf(event.seenBy)}`
    case 'spawned':
      return `${nameOf(event.actor)} has started ${nameOf(event.child)}${event.pid === undefined ? '' : `, process ${event.pid}`}${event.restarts === 0 ? '' : ` again, ${event.restarts === 1 ? 'once' : `${event.restarts} times`} so far`}`
    case 'restarting':
      return `${nameOf(event.actor)} starts ${nameOf(event.child)} again in ${showMs(event.delayMs)}: ${visible(event.why)}`
    case 'forced':
      return `${nameOf(event.actor)} ends ${nameOf(event.child)} by ${event.signal}: ${visible(event.why)}`
    case 'ended':
      return `${event.kind === 'task' ? `task ${visible(event.child.name)} of ${nameOf(event.actor)}` : nameOf(event.child)} ${ENDED[event.outcome]}${event.why === undefined ? '' : `: ${visible(event.why)}`}`
    case 'act':
      return `${nameOf(event.by)}${event.by.observer ? ', an observer,' : ''} ${ACTS[event.act]} ${nameOf(event.target)}${event.what === undefined ? '' : `: ${visible(event.what)}`}${event.why === undefined ? '' : `, because: ${visible(event.why)}`}`
    default:
      return visible(JSON.stringify(event))
  }
}

/** That something of what is followed is missing. */
export function showGap(gap: Gap): string {
  if (gap.type === 'silent') return `nothing is heard of ${nameOf(gap.actor)}: ${visible(gap.why)}`
  return `${gap.missed} items are missing${gap.actor === undefined ? '' : ` of ${nameOf(gap.actor)}`}: they came too fast`
}

const GONE = {
  left: 'it said goodbye',
  dead: 'it is dead',
  subtree: 'an actor above it is gone',
  restarted: 'it began a new life',
} as const
const ENDED = { done: 'was done', cancelled: 'was cancelled', failed: 'failed' } as const
const ACTS = {
  cancel: 'cancels',
  kill: 'kills',
  call: 'calls',
  logLevel: 'sets the log level of',
} as const
const ELECTORATE = {
  differs: 'another electorate is declared by',
  crowded: 'too many electors are there:',
  doubled: 'several have the name',
  incomplete: 'electors are missing:',
} as const

function sayings({
  tags,
  groups,
  modules,
}: {
  readonly tags: readonly string[]
  readonly groups: readonly string[]
  readonly modules: readonly string[]
}): string {
  return [...tags, ...groups.map((group) => `@${group}`), ...modules].join(' ')
}

function nameOf({ name, id }: ActorRef): string {
  return name === '' ? shortId(id) : `${visible(name)} (${shortId(id)})`
}
