import type { Discovery } from '../discovery/discovery.ts'
import { currentTracing, type TraceSpan } from '../node/tracing.ts'

/**
 * A span for each election that this actor stands in, until there is an arbiter, or it stands again in a higher term.
 *
 * @returns the function that ends it
 */
export function traceElections(discovery: Pick<Discovery, 'self' | 'mesh' | 'onEvent'>): () => void {
  const { self, mesh } = discovery
  let span: TraceSpan | undefined
  const end = (result: 'won' | 'lost' | 'undecided', term?: number): void => {
    span?.set({ 'greenroom.election.result': result, 'greenroom.election.term.after': term })
    span?.end(result === 'undecided' ? 'cancelled' : 'succeeded')
    span = undefined
  }
  const unlisten = discovery.onEvent((event) => {
    if (event.type === 'stands') {
      end('undecided')
      span = currentTracing()?.start('election', {
        kind: 'internal',
        attributes: {
          'greenroom.actor.name': self.name,
          'greenroom.actor.id': self.id,
          'greenroom.mesh': mesh,
          'greenroom.election.term': event.term,
        },
        from: null,
      })
    } else if (event.type === 'arbiter' && event.token !== null) end(event.self ? 'won' : 'lost', event.token.term)
  })
  return () => {
    unlisten()
    end('undecided')
  }
}
