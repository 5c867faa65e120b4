import type { Readable } from 'node:stream'
import { InvalidArgument } from '../node/errors.ts'
import { areaLog } from '../node/log.ts'
import type { StartMethod } from './start-method.ts'

/**
 * Where what an actor writes goes: to this process's own streams as it is, there with its name before each line, or
 * to the log.
 */
export type ActorStdio = (typeof STDIO)[number]
const STDIO = ['inherit', 'prefix', 'log'] as const

/** Characters of one line; a longer one is cut into several. */
export const MAX_OUTPUT_LINE = 64 * 1024

/** @throws InvalidArgument when the word is unknown, or the process has started already */
export function checkStdio(stdio: ActorStdio, method: StartMethod): void {
  if (!STDIO.includes(stdio))
    throw new InvalidArgument(`stdio '${String(stdio)}' is unknown: use one of ${STDIO.join(', ')}`)
  if (method === 'warm' && stdio !== 'inherit')
    throw new InvalidArgument(
      `stdio '${stdio}' is set when a process starts, a warm one has started: use startMethod 'process'`,
    )
}

/** Passes on what an actor writes, line by line. */
export function passOutput(name: string, stdio: 'prefix' | 'log', stdout: Readable, stderr: Readable): void {
  const log = areaLog('output')
  if (stdio === 'log') {
    eachLine(stdout, (line) => log.info(`${name}: ${line}`))
    eachLine(stderr, (line) => log.warn(`${name}: ${line}`))
  } else {
    eachLine(stdout, (line) => process.stdout.write(`[${name}] ${line}\n`))
    eachLine(stderr, (line) => process.stderr.write(`[${name}] ${line}\n`))
  }
}

function eachLine(stream: Readable, onLine: (line: string) => unknown): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
    for (; rest.length >= MAX_OUTPUT_LINE; rest = rest.slice(MAX_OUTPUT_LINE)) onLine(rest.slice(0, MAX_OUTPUT_LINE))
  })
  stream.on('error', () => {})
  stream.once('close', () => {
    if (rest !== '') onLine(rest)
    rest = ''
  })
}
