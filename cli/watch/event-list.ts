import type { ActorRef, MeshEvent } from '../../index.ts'
import type { GoneView, MeshModel } from '../model/mesh-model.ts'
import { REPEAT_MS, repeatKey } from '../model/repeats.ts'
import { showEvent } from '../show-event.ts'
import { shortId, showMs, showTime, visible } from '../text.ts'
import type { GridColumn, GridRow } from './grid.ts'
import { type Span, span, type Tone } from './line.ts'

/** What happened, the latest first. */
export function eventRows(model: MeshModel, filter: string): GridRow<MeshEvent>[] {
  const wanted = filter.toLowerCase()
  return model.events
    .map((event) => ({ key: keyOf(event), value: event }))
    .filter(({ value }) => wanted === '' || showEvent(value).toLowerCase().includes(wanted))
    .toReversed()
}

/** What fits beside other things: without what follows from another event, or is the mesh keeping itself in order. */
export function notableRows(model: MeshModel): GridRow<MeshEvent>[] {
  return eventRows(model, '').filter(({ value }) => isNotable(value))
}

function isNotable(event: MeshEvent): boolean {
  if (event.type === 'linkUp' || event.type === 'linkDown') return false
  // of an actor below a root, who has started it tells more
  return (event.type !== 'up' && event.type !== 'down') || event.actor.parent === undefined
}

export function eventColumns(model: MeshModel, now: number): readonly GridColumn<MeshEvent>[] {
  const text = (event: MeshEvent): string => {
    const repeat = model.repeat(event)
    const often = repeat === undefined ? '' : `${repeat.times} times in ${showMs(event.at - repeat.since)}: `
    return often + showEvent(event)
  }
  return [
    { title: 'TIME', width: 12, rank: 1, cell: ({ at }) => span(showTime(at, now), 'dim') },
    { title: 'EVENT', width: 12, wide: true, rank: 0, cell: (event) => span(text(event), toneOf(event)) },
  ]
}

/** Whom an event is about. */
export function actorOf(event: MeshEvent): ActorRef | undefined {
  if ('child' in event) return event.child
  if ('target' in event) return event.target
  if ('peer' in event) return event.peer
  return 'actor' in event ? event.actor : undefined
}

function keyOf(event: MeshEvent): string {
  const repeated = repeatKey(event)
  if (repeated !== undefined) return `${repeated} ${Math.floor(event.at / REPEAT_MS)}`
  if ('seq' in event) return `${event.actor.id} ${event.seq}`
  return `${event.at} ${event.type} ${actorOf(event)?.id ?? ''}`
}

function toneOf(event: MeshEvent): Tone {
  switch (event.type) {
    case 'down':
      return event.why === 'left' ? 'plain' : 'bad'
    case 'ended':
      return event.outcome === 'failed' ? 'bad' : 'plain'
    case 'suspected':
    case 'silent':
    case 'forced':
    case 'conflict':
    case 'breach':
      return 'bad'
    case 'restarting':
    case 'lagged':
    case 'accused':
      return 'warn'
    case 'act':
    case 'arbiter':
      return 'accent'
    default:
      return 'plain'
  }
}

/** Who is not there any more, the latest first. */
export function goneRows(model: MeshModel, filter: string): GridRow<GoneView>[] {
  const wanted = filter.toLowerCase()
  return model.gone
    .filter(({ name, id, why }) => `${name} ${id} ${why}`.toLowerCase().includes(wanted))
    .map((gone) => ({ key: `${gone.id} ${gone.at}`, value: gone }))
}

export function goneColumns(now: number): readonly GridColumn<GoneView>[] {
  return [
    { title: 'TIME', width: 12, rank: 2, cell: ({ at }) => span(showTime(at, now), 'dim') },
    { title: 'GONE', width: 12, rank: 0, cell: ({ name, id }): Span => span(visible(name) || shortId(id), 'strong') },
    { title: 'ID', width: 8, rank: 3, cell: ({ id }) => span(shortId(id), 'dim') },
    { title: 'REASON', width: 16, wide: true, rank: 1, cell: ({ why }) => visible(why) },
  ]
}
