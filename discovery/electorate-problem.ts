import type { ElectorateProblem } from './core/effect.ts'

/** Says what keeps votes of a declared electorate from being counted, and what to do. */
export function describeElectorate(problem: ElectorateProblem, names: readonly string[]): string {
  const who = names.map((name) => `'${name}'`).join(', ')
  switch (problem) {
    case 'differs':
      return `${who} counts the votes of another electorate: give every root of the mesh the same arbiter.quorum`
    case 'crowded':
      return `more roots than arbiter.quorum declares want to be electors (${who}): start no more than that until they have met, or give arbiter.quorum their names`
    case 'doubled':
      return `another root is called ${who} like this elector and takes its seat: the names of electors are used once`
    case 'incomplete':
      return `the electorate is not complete and has no arbiter: it waits for ${who === '' ? 'more electors' : who}, who must be there once`
  }
}
