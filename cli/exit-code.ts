/** What the exit code of the command says. */
export const EXIT = {
  done: 0,
  /** The mesh, or this machine, says no. */
  failed: 1,
  /** The arguments cannot be used. */
  usage: 2,
  /** No program of the mesh can be reached. */
  unreachable: 3,
  /** No actor, or none of its functions, is meant by what was given; or several actors are. */
  noActor: 4,
  /** The function that was called has failed. */
  callFailed: 5,
  /** The time given with `--timeout` is over. */
  timeOver: 6,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** The lines that the help shows. */
export const EXIT_CODES_HELP = `
Exit codes: 0 done, 1 the mesh or this machine says no, 2 wrong usage, 3 no program of the mesh can be reached,
4 no such actor or function, or several, 5 the called function failed, 6 the time is over, 130 interrupted.`
