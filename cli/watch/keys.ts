import type { Key } from 'ink'

const NAMES: readonly (readonly [keyof Key, string])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
]

/** Characters of a paste that are taken as keys; what is pasted by mistake does no more than these do. */
const MAX_KEYS_AT_ONCE = 64

/** The keys that were pressed, by the names that `press` knows; several where they came fast. */
export function keysOf(input: string, key: Partial<Key>): string[] {
  if (key.ctrl === true) return input === 'c' ? ['ctrl-c'] : []
  if (key.tab === true) return [key.shift === true ? 'backtab' : 'tab']
  const name = NAMES.find(([field]) => key[field] === true)?.[1]
  const letters = Array.from(input)
    .slice(0, MAX_KEYS_AT_ONCE)
    .map((one) => (one === '\r' || one === '\n' ? 'enter' : one))
  const pressed = name === undefined ? letters : [name]
  // Alt and a key are the same bytes as Esc and a key that came fast, or over a slow line
  return key.meta === true && pressed.length > 0 ? ['escape', ...pressed] : pressed
}
