import type { ActorTree, ChildTree, FunctionStats } from '../../index.ts'
import type { ActorView } from '../model/mesh-model.ts'
import { shortId, showBytes, showMs, visible } from '../text.ts'
import { showUs } from './actor-columns.ts'
import { healthOf } from './health.ts'
import { cell, type Line, plain, rule, span } from './line.ts'
import { showCount, showRate, showShare } from './numbers.ts'
import type { Seen } from './seen.ts'
import { streamColumns } from './stream-list.ts'
import { drawGrid } from './grid.ts'

/** Everything that is known of one actor, as lines to scroll through. */
export function detailLines(id: string, seen: Seen, columns: number): Line[] {
  const actor = seen.model.actor(id)
  if (actor === undefined) return goneLines(id, seen)
  const told = seen.tree?.id === id ? seen.tree : undefined
  return [
    ...factLines(actor, seen),
    ...functionLines(actor, columns),
    ...streamLines(actor, seen, columns),
    ...(told?.tree === undefined ? [] : treeLines(told.tree, seen.now, columns)),
    ...(told?.silent === undefined
      ? []
      : [rule('what it does', columns), [span(`  it does not tell: ${visible(told.silent)}`, 'warn')]]),
    ...connectionLines(actor, columns),
  ]
}

function goneLines(id: string, { model }: Seen): Line[] {
  const gone = model.gone.find((one) => one.id === id)
  return [[span(`  it is gone: ${visible(gone?.why ?? 'nobody says why')}`, 'bad')]]
}

function factLines(actor: ActorView, { model, now }: Seen): Line[] {
  const { member, vitals, rates, silent, rttMs } = actor
  const nameOf = (id: string): string => visible(model.actor(id)?.member.name ?? '') || shortId(id)
  const facts: (readonly [string, string])[] = [
    ['id', visible(member.id)],
    ['parent', member.parent === null ? '' : nameOf(member.parent)],
    ['root', member.parent === null ? '' : nameOf(member.root)],
    ['up for', showMs(Math.max(0, now - member.incarnation))],
    ['round trip', rttMs === undefined ? '' : showMs(rttMs)],
    ['does not answer', silent === undefined ? '' : visible(silent)],
    ['version', visible(member.version ?? '')],
    ['tags', visible([...member.tags, ...member.groups.map((group) => `@${group}`)].join(' '))],
    ['serves', visible(member.modules.join(', '))],
  ]
  if (vitals !== undefined) {
    const { stats, memory, cpu, eventLoop, discovery, children } = vitals
    const late = eventLoop.delayMs === null ? '' : `, timers late by ${showMs(eventLoop.delayMs.p99)} at most (p99)`
    facts.push(
      [
        'process',
        `${vitals.pid} on ${visible(vitals.host)}, ${visible(vitals.platform)}, Node ${visible(vitals.versions.node)}`,
      ],
      ['processor', `${showShare(cpu.share ?? undefined)}, event loop busy ${showShare(eventLoop.utilization)}${late}`],
      [
        'memory',
        `${showBytes(memory.rssBytes)}, heap ${showBytes(memory.heapUsedBytes)} of ${showBytes(memory.heapTotalBytes)}`,
      ],
      [
        'calls served',
        `${showRate(rates?.served)}/s, ${stats.served.started} in all, ${stats.served.inFlight} now, ${stats.served.failed} failed`,
      ],
      [
        'calls made',
        `${showRate(rates?.made)}/s, ${stats.made.started} in all, ${stats.made.inFlight} now, ${stats.made.failed} failed`,
      ],
      [
        'bytes',
        `${showBytes(Math.round(rates?.bytesIn ?? 0))}/s in, ${showBytes(Math.round(rates?.bytesOut ?? 0))}/s out`,
      ],
      [
        'children',
        `${children.running} run, ${children.starting} start, ${children.restarting} restart; ${showCount(children.restarts, 'restart')} so far`,
      ],
      [
        'mesh',
        `knows ${showCount(discovery.actors, 'actor')}, ${showCount(discovery.links, 'neighbour')}, hears ${showShare(discovery.heard)}`,
      ],
      ['log', `from ${vitals.logLevel} on`],
    )
  }
  const health = healthOf(actor)
  return [
    [span(`  ${'health'.padEnd(15)} `, 'dim'), health, span(actor.arbiter ? ', the arbiter' : '')],
    ...facts
      .filter(([, value]) => value !== '')
      .map(([name, value]): Line => [span(`  ${name.padEnd(15)} `, 'dim'), span(value)]),
  ]
}

function functionLines({ vitals }: ActorView, columns: number): Line[] {
  const functions = vitals?.stats.functions ?? []
  if (functions.length === 0) return []
  return [
    rule('functions that were called', columns),
    ...drawGrid(
      [
        { title: 'FUNCTION', width: 14, wide: true, rank: 0, cell: ({ id }) => visible(id) },
        { title: 'CALLS', width: 9, rank: 1, right: true, cell: ({ started }) => String(started) },
        { title: 'NOW', width: 5, rank: 3, right: true, cell: ({ inFlight }) => String(inFlight) },
        {
          title: 'FAILED',
          width: 7,
          rank: 2,
          right: true,
          cell: ({ failed }) => span(String(failed), failed > 0 ? 'bad' : 'plain'),
        },
        {
          title: 'P50',
          width: 7,
          rank: 5,
          right: true,
          cell: ({ latency }) => showUs(latency.count === 0 ? undefined : latency.p50Us),
        },
        {
          title: 'P99',
          width: 7,
          rank: 4,
          right: true,
          cell: ({ latency }) => showUs(latency.count === 0 ? undefined : latency.p99Us),
        },
      ],
      functions.map((value: FunctionStats) => ({ key: value.id, value })),
      { columns, rows: functions.length + 1 },
      undefined,
      '',
    ),
  ]
}

function streamLines({ member, vitals }: ActorView, { now }: Seen, columns: number): Line[] {
  const streams = vitals?.streams ?? []
  if (streams.length === 0) return []
  const rows = streams.map((stream, i) => ({ key: String(i), value: { at: member, stream } }))
  return [
    rule('streams', columns),
    ...drawGrid(streamColumns(now).slice(1), rows, { columns, rows: rows.length + 1 }, undefined, ''),
  ]
}

function treeLines(tree: ActorTree, now: number, columns: number): Line[] {
  const age = (since: number): string => showMs(Math.max(0, now - since))
  const waits = tree.waits.map(({ what, since }) => plain(`  ${visible(what)}, for ${age(since)}`))
  const serves = tree.serves.map(({ functionId, caller, since }) =>
    plain(`  ${visible(functionId)} for ${visible(caller.name) || shortId(caller.id)}, for ${age(since)}`),
  )
  const children = tree.nurseries.flatMap((nursery) => [
    ...nursery.children.map((child) => childLine(child, age)),
    ...nursery.ended.map(({ name, outcome, why, restarts }): Line => [
      span(
        `  ${visible(name)} ${outcome === 'done' ? 'was done' : outcome}${why === undefined ? '' : `: ${visible(why)}`}${restarts === 0 ? '' : `, after ${showCount(restarts, 'restart')}`}`,
        outcome === 'failed' ? 'bad' : 'dim',
      ),
    ]),
  ])
  return [
    ...(waits.length === 0 ? [] : [rule('it waits for', columns), ...waits]),
    ...(serves.length === 0 ? [] : [rule('it is called', columns), ...serves]),
    ...(children.length === 0 ? [] : [rule('it supervises', columns), ...children]),
    ...(tree.cancelled === undefined ? [] : [[span(`  it was cancelled: ${visible(tree.cancelled)}`, 'warn')]]),
  ]
}

function childLine(child: ChildTree, age: (since: number) => string): Line {
  const { name, kind, outcome, restarts, lastRestart, since, silent } = child
  const again =
    lastRestart === undefined
      ? ''
      : `; ${showCount(restarts, 'restart')}, the last one because: ${visible(lastRestart.why)}`
  const mute = silent === undefined ? '' : `; it tells nothing: ${visible(silent)}`
  return [
    span(`  ${visible(name)}`, 'strong'),
    span(` ${kind}, ${outcome} for ${age(since)}${again}${mute}`, outcome === 'running' ? 'plain' : 'warn'),
  ]
}

function connectionLines({ vitals }: ActorView, columns: number): Line[] {
  const connections = vitals?.connections ?? []
  if (connections.length === 0) return []
  return [
    rule('connections', columns),
    ...connections.map(({ peer, address, direction, relayed, streams }): Line => [
      span(`  ${cell(visible(peer.name) || shortId(peer.id), 16)} `),
      span(`${direction}${relayed ? ', relayed' : ''}, ${showCount(streams, 'stream')}, ${visible(address)}`, 'dim'),
    ]),
  ]
}
