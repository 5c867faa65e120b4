import { shortId, visible } from '../text.ts'
import { cutLine, type Line, span } from './line.ts'
import { showCount } from './numbers.ts'
import type { Seen } from './seen.ts'
import type { Asking, ViewState } from './view-state.ts'

/** The last line: a question, what is typed, what became of an act, or the keys that do something here. */
export function footer(seen: Seen, view: ViewState, hasRow: boolean, columns: number): Line {
  if (view.asking !== undefined) return question(view.asking, columns)
  if (view.typing !== undefined)
    return cutLine(
      [span(`filter: ${visible(view.typing)}_`, 'strong'), span('  Enter keeps it, Esc shows all', 'dim')],
      columns,
    )
  if (seen.note !== undefined) return cutLine([span(seen.note.text, seen.note.bad ? 'bad' : 'good')], columns)
  return cutLine([span(keysOf(view, hasRow), 'dim')], columns)
}

function question({ act, actor, below, asked }: Asking, columns: number): Line {
  const who = `${visible(actor.name)} (${shortId(actor.id)})`
  const also = below === 0 ? '' : ` and the ${showCount(below, 'actor')} below it`
  const [words, key] =
    asked === 1
      ? [`${act} ${who}${also}?`, 'y: yes, any other key: no']
      : [`really ${act} ${who}${also}?`, 'capital Y: yes, any other key: no']
  // what to press must not be cut off, whatever a name is like
  const room = Math.max(8, columns - key.length - 1)
  return cutLine([...cutLine([span(words, 'bad')], room), span(` ${key}`, 'strong')], columns)
}

function keysOf(view: ViewState, hasRow: boolean): string {
  if (view.helping) return 'any key goes back, q quits'
  if (view.log !== undefined) return 'Esc back  up/down scroll  f follow  v level  c cancel  ? help  q quit'
  if (view.detail !== undefined) return 'Esc back  l log  c cancel  X kill  up/down scroll  ? help  q quit'
  const ofRow = hasRow && view.tab !== 'gone' ? 'Enter look  l log  c cancel  ' : ''
  return `${ofRow}/ filter  s sort  space pause  ? help  q quit`
}
