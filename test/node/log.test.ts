import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { InvalidArgument } from '../../node/errors.ts'
import { CancelScope } from '../../node/cancel-scope.ts'
import { areaLog, getConsoleLog, LOG_LEVELS, logLevel, nameLogs, redirectLogs, setLogLevel } from '../../node/log.ts'
import { startProgram } from '../support/program.ts'

let lines: string[] = []
let restore: (() => void) | undefined

beforeEach(() => {
  lines = []
  restore = redirectLogs((line) => lines.push(stripVTControlCharacters(line)))
  nameLogs('donny', '12D3KooWQxabcdefgh', new CancelScope())
})

afterEach(() => {
  restore?.()
  setLogLevel('warn')
})

describe('levels', () => {
  test('the default is warn', () => {
    expect(logLevel()).toBe('warn')
  })

  test.each(LOG_LEVELS)('from %s on, lines of that severity and above are written', (level) => {
    setLogLevel(level)
    const log = areaLog('test')
    for (const severity of ['trace', 'debug', 'info', 'warn', 'error'] as const) log[severity](severity)
    const written = lines.map((line) => line.split(' ').at(-1))
    expect(written).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)).filter((one) => one !== 'silent'))
  })

  test('a level holds for logs that were made before it was set', () => {
    const log = areaLog('test')
    setLogLevel('trace')
    log.trace('now')
    expect(lines).toHaveLength(1)
  })

  test('an unknown level is refused with the known ones', () => {
    expect(() => setLogLevel('loud' as never)).toThrow(InvalidArgument)
    expect(() => getConsoleLog('loud' as never)).toThrow('use one of trace, debug, info, warn, error, silent')
    expect(logLevel()).toBe('warn')
  })
})

describe('a line', () => {
  test('it carries time, level, actor name, the tail of its id, and the area', () => {
    areaLog('rpc').warn('slow')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}donny \(abcdefgh\) rpc: slow$/)
  })

  test('details follow the message, errors with their stack', () => {
    areaLog('rpc').error('failed', { port: 1 }, 'why', new RangeError('boom'))
    expect(lines[0]).toContain('failed { port: 1 } why RangeError: boom\n    at ')
  })

  test('no detail makes it throw', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    areaLog('rpc').error('odd', 1n, undefined, Symbol('s'), cycle, () => {})
    expect(lines[0]).toContain('odd 1n undefined Symbol(s)')
  })
})

test('getConsoleLog sets the level that children inherit and gives a log to write with', () => {
  const log = getConsoleLog('trace')
  expect(logLevel()).toBe('trace')
  log.trace('lights on')
  expect(lines[0]).toContain('TRACE donny (abcdefgh) console: lights on')
  getConsoleLog()
  expect(logLevel()).toBe('info')
})

describe('DEBUG', () => {
  const fixture = new URL('./fixtures/log-program.ts', import.meta.url)

  async function stderrWith(debug: string | undefined): Promise<readonly string[]> {
    await using program = await startProgram(fixture, { env: { DEBUG: debug, NO_COLOR: '1', FORCE_COLOR: undefined } })
    expect(await program.waitForExit()).toEqual({ code: 0, signal: null })
    expect(program.stdout).toEqual([])
    return program.stderr
  }

  test('greenroom:* brings the lines of every area, whatever the level', async () => {
    expect(await stderrWith('greenroom:*')).toEqual([
      expect.stringContaining('DEBUG donny (abcdefgh) rpc: a call'),
      expect.stringContaining('DEBUG donny (abcdefgh) nursery: a child'),
      expect.stringContaining('ERROR donny (abcdefgh) nursery: a failure'),
    ])
  })

  test('greenroom:<area> brings those of one area', async () => {
    expect(await stderrWith('greenroom:rpc')).toHaveLength(2)
  })

  test('without it only the level counts, and lines go to stderr', async () => {
    expect(await stderrWith(undefined)).toEqual([expect.stringContaining('a failure')])
  })
})

test.each([
  ['log.error(line)', 0, 'went on, 0 listeners'],
  // whoever writes to it directly gets Node's own answer
  ['process.stderr.write(line)', 1, ''],
])('lines that stderr does not take are lost, and end nobody: %s', async (write, code, said) => {
  const log = new URL('../../node/log.ts', import.meta.url).href
  const program = `
    import { setTimeout } from 'node:timers/promises'
    import { areaLog } from '${log}'
    const log = areaLog('test')
    for (let i = 0; i < 20; i++) {
      const line = 'line ' + i
      ${write}
      await setTimeout(2)
    }
    process.stdout.write('went on, ' + process.stderr.listenerCount('error') + ' listeners')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.destroy()
  const [stdout, [exitCode]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  expect([exitCode, stdout]).toEqual([code, said])
})
