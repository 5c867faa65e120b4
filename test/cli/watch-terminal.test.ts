import { execFileSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { makeRuntimeDir } from '../support/runtime-dir.ts'
import { greenroom } from './support/greenroom.ts'
import { openTerminal, type Terminal } from './support/terminal.ts'

const CAST = [
  'globe',
  'rose',
  'swan',
  'hamlet',
  'ophelia',
  'horatio',
  'gertrude',
  'romeo',
  'juliet',
  'nurse',
  'puck',
  'oberon',
]

async function shows(terminal: Terminal, what: string, holds: (screen: string) => boolean): Promise<string> {
  const seen = await eventually(
    what,
    () => {
      const screen = terminal.screen().join('\n')
      if (!holds(screen)) throw new Error(screen)
      return screen
    },
    20_000,
  )
  return seen
}

const callsOf = (screen: string): string | undefined => /(\S+) calls\/s/.exec(screen)?.[1]

describe('greenroom watch', () => {
  test('shows hosts, actors and numbers that move, looks closer, ends an actor when asked twice, and gives the terminal back', async () => {
    using runtime = makeRuntimeDir()
    using terminal = openTerminal(runtime.path, 80, 24, ['watch', '--demo'])
    const screen = await shows(terminal, 'the cast is there', (text) => CAST.every((name) => text.includes(name)))
    expect(screen).toMatch(/arbiter \w+, term \d+/)
    expect(screen.split('\n').every((line) => line.length <= 80)).toBe(true)
    const first = await shows(terminal, 'calls are counted', (text) => Number(callsOf(text)) > 0)
    await shows(terminal, 'numbers move', (text) => callsOf(text) !== callsOf(first))

    terminal.press('/', 'p', 'u', 'c', 'k', 'Enter')
    await shows(
      terminal,
      'puck alone is there, with its host',
      (text) => text.includes('puck') && !text.includes('nurse'),
    )
    terminal.press('Down', 'Enter')
    await shows(terminal, 'puck is looked at', (text) => /^puck \(/m.test(text) && text.includes('play#say'))
    terminal.press('c')
    await shows(terminal, 'it asks', (text) => text.includes('cancel puck') && text.includes('y: yes'))
    terminal.press('y')
    await shows(terminal, 'it asks again', (text) => text.includes('really cancel puck') && text.includes('capital Y'))
    terminal.press('n')
    await shows(
      terminal,
      'it does not ask any more',
      (text) => !text.includes('cancel puck') && text.includes('play#say'),
    )
    terminal.press('c', 'y', 'Y')
    await shows(terminal, 'puck is gone', (text) => text.includes('it is gone: '))
    terminal.press('Escape')
    await shows(terminal, 'the list is back', (text) => text.includes('[1 mesh]'))
    terminal.press('Escape', '5')
    await shows(terminal, 'its reason is told', (text) => /puck .*greenroom/.test(text))

    terminal.resize(200, 50)
    terminal.press('1')
    await shows(
      terminal,
      'there is room for more',
      (text) => text.includes('── gone') && text.includes('── events') && text.includes('CREDIT'),
    )
    terminal.press('q')
    const left = await shows(terminal, 'it has ended', (text) => text.includes('it ended with 0'))
    expect(left).not.toContain('hamlet')
    expect(terminal.ask('#{cursor_flag} #{alternate_on}')).toBe('1 0')
  })

  test('works without colour in a wide window, and leaves the terminal as it was when it is told to end', async () => {
    using runtime = makeRuntimeDir()
    using terminal = openTerminal(runtime.path, 200, 50, ['watch', '--demo'], { NO_COLOR: '1' })
    await shows(terminal, 'the cast is there', (text) => CAST.every((name) => text.includes(name)))
    const coloured = new RegExp(`${String.fromCharCode(27)}\\[(?:3[0-7]|9[0-7]|38)`)
    expect(terminal.painted()).not.toMatch(coloured)
    expect(terminal.ask('#{cursor_flag} #{alternate_on}')).toBe('0 1')
    const shell = terminal.ask('#{pane_pid}')
    process.kill(Number(execFileSync('pgrep', ['-P', shell], { encoding: 'utf8' }).trim()), 'SIGTERM')
    await shows(terminal, 'it has ended', (text) => text.includes('it ended with 143'))
    expect(terminal.ask('#{cursor_flag} #{alternate_on}')).toBe('1 0')
  })

  test('says what to use instead where there is no terminal', async () => {
    const { code, stderr, stdout } = await greenroom('watch', '--demo')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('greenroom top --follow')
    expect(stderr).toContain('greenroom events --follow')
  })
})
