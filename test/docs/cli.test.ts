import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { greenroomCommand } from '../../cli/program.ts'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
const commands = greenroomCommand(() => async () => {}).commands.filter((one) => one.name() !== 'help')
/** What `greenroom <name>` is said to be, without the sections of the others. */
const sectionOf = (name: string): string =>
  page.split(/^(?=## greenroom )/m).find((section) => section.startsWith(`## greenroom ${name}\n`)) ?? ''

/** Subcommands whose output is no example: scripts, and what concerns other machines. */
const WITHOUT_EXAMPLE = new Set([
  'up',
  'join',
  'leave',
  'run',
  'completion',
  'rotate',
  'ban',
  'unban',
  'bans',
  'banned',
])

const HIDDEN = ['--mesh', '--context', '--json']

describe('docs/cli.md', () => {
  test.each(commands.map((one) => [one.name(), one] as const))('has a section on %s, with its options', (name, one) => {
    const section = sectionOf(name)
    const options = one.options.map(({ long }) => long ?? '').filter((long) => !HIDDEN.includes(long))
    const parts = one.commands.map((part) => part.name()).filter((part) => part !== 'help')
    const wanted = [`greenroom ${name}`, ...options, ...parts.map((part) => `greenroom ${name} ${part}`)]
    const example = WITHOUT_EXAMPLE.has(name) ? [] : ['```console\n$ greenroom ']
    expect([...wanted, ...example].filter((text) => !section.includes(text))).toEqual([])
  })

  test('shows the screen of watch as it was on a mesh of three roots, in a window of 80 × 24', () => {
    const [, screen = ''] = /```console\n\$ greenroom watch\n([^]*?)\n```/.exec(sectionOf('watch')) ?? []
    const lines = screen.split('\n')
    expect(lines.length).toBeLessThanOrEqual(24)
    expect(lines.every((line) => line.length <= 80)).toBe(true)
    expect(screen).toMatch(/^stage {2}\d roots, \d+ actors {2}arbiter \w+, term \d+/)
    for (const name of ['theatre', 'opera', 'circus', 'tenor', 'lion'])
      expect(screen).toMatch(new RegExp(`^[> ] +(└ )?\\*?${name} +\\w+ `, 'm'))
  })

  test('shows no subcommand that there is not', () => {
    const shown = [...page.matchAll(/^## greenroom (\w+)$/gm)].map(([, name]) => name ?? '')
    expect(shown.toSorted()).toEqual(commands.map((one) => one.name()).toSorted())
  })
})

test('every subcommand answers in JSON, and has help with examples', () => {
  const leaves = commands.flatMap((one) => (one.commands.length === 0 ? [one] : one.commands))
  const speechless = ['help', 'watch', 'completion']
  for (const one of leaves.filter((leaf) => leaf.name() !== 'help')) {
    let help = ''
    one.configureOutput({ writeOut: (text) => void (help += text) }).outputHelp()
    expect(help).toMatch(/\nExamples:\n {2}\S/)
    expect(help.includes('--json') || speechless.includes(one.name())).toBe(true)
  }
})
