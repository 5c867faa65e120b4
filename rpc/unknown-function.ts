import { NotExposed } from '../node/errors.ts'
import type { FunctionDescription } from './protocol.ts'

/** Functions that an error lists. */
const LISTED_FUNCTIONS = 32

/** An error that lists what there is. */
export function unknownFunction(name: string, functionId: string, known: readonly FunctionDescription[]): NotExposed {
  const listed = known.slice(0, LISTED_FUNCTIONS).map(({ id, kind }) => (kind === 'stream' ? `${id} (a stream)` : id))
  const more = known.length > listed.length ? ` and ${known.length - listed.length} more` : ''
  const there = known.length === 0 ? 'it exposes nothing' : `it exposes ${listed.join(', ')}${more}`
  return new NotExposed(functionId, `${name} does not expose ${functionId}: ${there}`)
}
