import type { ActorRef, MeshEvent } from '../../index.ts'
import type { GoneView, MeshModel } from '../model/mesh-model.ts'
import { showEvent } from '../show-event.ts'
import { shortId, showTime, visible } from '../text.ts'
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

export function eventColumns(now: number): readonly GridColumn<MeshEvent>[] {
  return [
    { title: 'TIME', width: 12, rank: 1, cell: ({ at }) => span(showTime(at, now), 'dim') },
    { title: 'EVENT', width: 12, wide: true, rank: 0, cell: (event) => span(showEvent(event), toneOf(event)) },
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
