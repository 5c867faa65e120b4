import { cutLine, type Line, span } from './line.ts'

const KEYS: readonly (readonly [string, string])[] = [
  ['1 to 5, Tab', 'mesh, actors, streams, events, who is gone'],
  ['up, down, j, k', 'chooses a row, or scrolls; also PgUp, PgDn, Home, End'],
  ['Enter', 'looks at one actor; Esc goes back'],
  ['l', 'follows its log; v: from the next level on; f: to its end'],
  ['c', 'asks it to end, after two questions'],
  ['X', 'kills it, after two questions'],
  ['left, right', 'hides and shows what is below an actor'],
  ['/', 'filters by name, end of id, tag, group, module, host'],
  ['s, r', 'sorts by the next thing; turns the order round'],
  ['space', 'lets the screen stand still'],
  ['q, Ctrl-C', 'quits'],
]
const WORDS = [
  '* marks the arbiter. HEALTH: up; late (its timers come 100 ms late);',
  'unsure (it hears too little of others); SUSPECT (others hear nothing of it);',
  'SILENT (no answer to this screen). P50, P99: of the calls served since the',
  'last look. CREDIT: items that the other side of a stream takes now.',
]

/** The help, shortened where there is no room for it. */
export function helpLines(columns: number, rows: number): Line[] {
  const keys = KEYS.map(([key, does]): Line => cutLine([span(` ${key.padEnd(15)} `, 'accent'), span(does)], columns))
  const words = WORDS.map((text): Line => cutLine([span(` ${text}`, 'dim')], columns))
  return [...keys, [span('')], ...words].slice(0, rows)
}
