import { inspect } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'
import type { ActorTree, ChildTree, EndedChild, NurseryTree } from './actor-tree.ts'

/** A line and what is below it. */
interface Branch {
  readonly text: string
  readonly below: readonly Branch[]
}

/**
 * The text of what `describeTree` gives: one line for each actor, wait, call and task, with how long it has been so.
 *
 * @throws InvalidArgument when it is no tree
 * @example
 * ```ts
 * process.stderr.write(`${showTree(await describeTree())}\n`)
 * ```
 */
export function showTree(tree: ActorTree): string {
  if (typeof tree !== 'object' || tree === null || !Array.isArray(tree.nurseries))
    throw new InvalidArgument(`showTree takes what describeTree gives, got ${inspect(tree, { depth: 0 })}`)
  const root = `${oneLine(tree.name)} (${showId(tree.id)}, process ${tree.pid}, up for ${age(tree, tree.since)})`
  return lines({ text: root + showCancel(tree.cancelled), below: actorBranches(tree) }).join('\n')
}

function actorBranches(tree: ActorTree): Branch[] {
  const { waits, serves, nurseries, leftOut } = tree
  return [
    ...waits.map(({ what, since }) => leaf(`is ${oneLine(what)} (${age(tree, since)})`)),
    ...serves.map(({ functionId, caller, since }) =>
      leaf(`runs ${oneLine(functionId)} for ${oneLine(caller.name) || showId(caller.id)} (${age(tree, since)})`),
    ),
    ...nurseries.map((nursery) => nurseryBranch(tree, nursery)),
    ...more(leftOut),
  ]
}

function nurseryBranch(tree: ActorTree, { since, cancelled, children, ended, leftOut }: NurseryTree): Branch {
  return {
    text: `nursery (open for ${age(tree, since)})${showCancel(cancelled)}`,
    below: [
      ...children.map((child) => childBranch(tree, child)),
      ...more(leftOut),
      ...ended.map((child) => endedBranch(tree, child)),
    ],
  }
}

function childBranch(tree: ActorTree, child: ChildTree): Branch {
  const { kind, name, outcome, since, actor, silent } = child
  const words = [
    outcome === 'running' ? undefined : outcome,
    showRestarts(tree, child),
    `since ${age(tree, since)}`,
    silent === undefined ? undefined : `SILENT: ${oneLine(silent)}`,
  ].filter((word) => word !== undefined)
  const text = `${kind} ${oneLine(name)}${showCarrier(child)}: ${words.join(', ')}${showCancel(actor?.cancelled)}`
  return { text, below: actor === undefined ? [] : actorBranches(actor) }
}

function endedBranch(tree: ActorTree, { kind, name, outcome, endedAt, why }: EndedChild): Branch {
  const words = outcome === 'done' ? 'was done' : outcome === 'failed' ? 'failed' : 'was cancelled'
  return leaf(
    `${kind} ${oneLine(name)} ${words} ${age(tree, endedAt)} ago${why === undefined ? '' : `: ${oneLine(why)}`}`,
  )
}

function showRestarts(tree: ActorTree, { restarts, lastRestart }: ChildTree): string | undefined {
  if (restarts === 0) return undefined
  const count = `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`
  if (lastRestart === undefined) return count
  return `${count}, the last one ${age(tree, lastRestart.at)} ago (${oneLine(lastRestart.why)})`
}

function showCarrier({ kind, id, pid, startMethod }: ChildTree): string {
  if (kind === 'task') return ''
  const carrier = startMethod === 'thread' ? `thread of process ${pid}` : `${startMethod ?? 'process'}, process ${pid}`
  const words = [id === '' ? undefined : showId(id), carrier.replace('process, process', 'process')]
  return ` (${words.filter((word) => word !== undefined).join(', ')})`
}

function lines(branch: Branch): string[] {
  const { text, below } = branch
  return [
    text,
    ...below.flatMap((next, i) => {
      const last = i === below.length - 1
      return lines(next).map((line, j) => `${j === 0 ? (last ? '└─ ' : '├─ ') : last ? '   ' : '│  '}${line}`)
    }),
  ]
}

function leaf(text: string): Branch {
  return { text, below: [] }
}

function more(count: number): Branch[] {
  return count === 0 ? [] : [leaf(`… and ${count} more`)]
}

function showCancel(cancelled: string | undefined): string {
  return cancelled === undefined ? '' : `, CANCELLED by ${oneLine(cancelled)}`
}

function showId(id: string): string {
  return `…${id.slice(-8)}`
}

/** Names and reasons are the program's own: none of them begins a line. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
}

function age({ at }: ActorTree, since: number): string {
  const seconds = Math.max(0, at - since) / 1_000
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}
