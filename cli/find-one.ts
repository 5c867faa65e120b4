import type { ActorRef } from '../index.ts'
import { CommandError } from './command-error.ts'
import { EXIT } from './exit-code.ts'
import { shortId, visible } from './text.ts'

/** Characters that the end of an id has at least when it stands for it. */
export const MIN_ID_CHARACTERS = 4
/** Actors that an error lists. */
export const MAX_CANDIDATES = 20

/**
 * The one actor that is meant: by its whole id, else by its name, else by the end of its id.
 *
 * @throws CommandError `NO_SUCH_ACTOR`, or `AMBIGUOUS` with the candidates
 */
export function findOne<Actor extends ActorRef>(actors: readonly Actor[], given: string): Actor {
  const byId = actors.find(({ id }) => id === given)
  if (byId !== undefined) return byId
  const byName = actors.filter(({ name }) => name === given)
  const found =
    byName.length > 0 || given.length < MIN_ID_CHARACTERS ? byName : actors.filter(({ id }) => id.endsWith(given))
  if (found.length === 1) return found[0]!
  if (found.length > 1) throw ambiguous(found, given)
  throw noSuchActor(actors, given)
}

/** Those that are meant by each of what is given, in that order; all when nothing is given. */
export function findEach<Actor extends ActorRef>(actors: readonly Actor[], given: readonly string[]): Actor[] {
  return given.length === 0 ? [...actors] : [...new Set(given.map((one) => findOne(actors, one)))]
}

function ambiguous(found: readonly ActorRef[], given: string): CommandError {
  const lines = found.slice(0, MAX_CANDIDATES).map(({ name, id }) => `  ${visible(name)}  ${visible(id)}`)
  const more = found.length > MAX_CANDIDATES ? [`  … and ${found.length - MAX_CANDIDATES} more`] : []
  return new CommandError(
    'AMBIGUOUS',
    EXIT.noActor,
    [`${found.length} actors are meant by '${visible(given)}': give the id of one, or its end`, ...lines, ...more].join(
      '\n',
    ),
    { candidates: found.slice(0, MAX_CANDIDATES).map(({ name, id }) => ({ name, id })) },
  )
}

function noSuchActor(actors: readonly ActorRef[], given: string): CommandError {
  const wanted = given.toLowerCase()
  const near = actors.filter(({ name }) => name.toLowerCase().includes(wanted) || wanted.includes(name.toLowerCase()))
  const listed = (near.length > 0 ? near : actors).slice(0, MAX_CANDIDATES)
  const named = listed.map(({ name, id }) => `${visible(name)} (${shortId(id)})`).join(', ')
  const left = actors.length - listed.length
  return new CommandError(
    'NO_SUCH_ACTOR',
    EXIT.noActor,
    `no actor is called '${visible(given)}', and no id ends so: ` +
      (near.length > 0 ? `did you mean ${named}?` : `there are ${named}${left > 0 ? ` and ${left} more` : ''}`) +
      "; 'greenroom actors' lists all",
    { candidates: listed.map(({ name, id }) => ({ name, id })) },
  )
}
