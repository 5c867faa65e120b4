import type { ActorRef, StreamVitals } from '../../index.ts'
import type { MeshModel } from '../model/mesh-model.ts'
import { shortId, showBytes, showMs, visible } from '../text.ts'
import { matches } from './actor-rows.ts'
import type { GridColumn, GridRow } from './grid.ts'
import { span } from './line.ts'

/** A stream as one of its two ends tells of it. */
export interface StreamRow {
  readonly at: ActorRef
  readonly stream: StreamVitals
}

/** Streams of calls: each end that tells of one is a row. Those by which observers look, this screen among them, come last. */
export function streamRows(model: MeshModel, filter: string): GridRow<StreamRow>[] {
  const rows = model.actors
    .filter((actor) => actor.silent === undefined)
    .flatMap((actor) =>
      (actor.vitals?.streams ?? [])
        .filter(({ functionId }) => matches(actor, filter) || functionId.includes(filter))
        .map((stream, i) => ({
          key: `${actor.member.id} ${stream.since} ${i}`,
          value: { at: actor.member, stream },
        })),
    )
  const [own, others] = [rows.filter(isOfObserver), rows.filter((row) => !isOfObserver(row))]
  return [...others, ...own]
}

function isOfObserver({ value: { stream } }: GridRow<StreamRow>): boolean {
  return stream.functionId.startsWith('greenroom#')
}

export function streamColumns(now: number): readonly GridColumn<StreamRow>[] {
  return [
    { title: 'ACTOR', width: 12, rank: 0, cell: ({ at }) => visible(at.name) },
    { title: 'DOES', width: 6, rank: 4, cell: ({ stream }) => (stream.role === 'callee' ? 'serves' : 'calls') },
    { title: 'FUNCTION', width: 14, wide: true, rank: 1, cell: ({ stream }) => visible(stream.functionId) },
    { title: 'WITH', width: 10, rank: 5, cell: ({ stream: { peer } }) => visible(peer.name) || shortId(peer.id) },
    { title: 'SENT', width: 8, rank: 6, right: true, cell: ({ stream }) => String(stream.itemsSent) },
    { title: 'TAKEN', width: 8, rank: 7, right: true, cell: ({ stream }) => String(stream.itemsReceived) },
    { title: 'CREDIT', width: 6, rank: 2, right: true, cell: creditCell },
    { title: 'BYTES', width: 8, rank: 8, right: true, cell: ({ stream }) => showBytes(stream.credit.bytes) },
    { title: 'QUEUE', width: 5, rank: 3, right: true, cell: ({ stream }) => String(stream.queued) },
    {
      title: 'FOR',
      width: 10,
      rank: 9,
      right: true,
      cell: ({ stream }) => showMs(Math.max(0, now - stream.since)),
    },
  ]
}

/** Without credit the other side has to take something before it goes on. */
function creditCell({ stream: { credit } }: StreamRow): ReturnType<typeof span> {
  return span(String(credit.items), credit.items === 0 || credit.bytes === 0 ? 'warn' : 'plain')
}
