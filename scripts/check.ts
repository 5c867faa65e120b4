// Every check of the project, one after the other, each in a line: what `npm test` and CI run.
//
//   npm test                          all of them
//   npm test -- --only=types,lint     only these
//   npm test -- test/rpc              only the tests of files whose path contains this
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endCommands, root, runCommand } from './run-command.ts'
import type { CommandResult } from './run-command.ts'

/** The longest that one tool may take, in milliseconds. */
const toolLimit = 5 * 60_000
/** The longest that all tests together may take, in milliseconds. */
const testLimit = 18 * 60_000
/** How many lines of a failed check's output are shown: the last ones. */
const shownLines = 300

interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** The part of vitest's JSON report that is read here. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' } },
})
const temporary = mkdtempSync(join(tmpdir(), 'greenroom-check-'))
const report = join(temporary, 'tests.json')

const checks: Record<string, () => Promise<CommandResult>> = {
  types: () => runCommand('tsc', ['-p', 'tsconfig.json'], toolLimit),
  lint: () => runCommand('oxlint', [], toolLimit),
  format: () => runCommand('oxfmt', ['--check'], toolLimit),
  unused: () => runCommand('knip', ['--no-progress'], toolLimit),
  build,
  package: checkPackage,
  tests: () => runCommand('vitest', ['run', ...vitestReporters(), ...positionals], testLimit),
}

/** A test run of chosen files needs no other check, unless it is asked for. */
const defaultSelection = positionals.length > 0 ? ['tests'] : Object.keys(checks)
const selection = values.only?.split(',') ?? defaultSelection
const unknown = selection.filter((name) => checks[name] === undefined)
if (unknown.length > 0) {
  console.error(`There is no check named ${unknown.join(', ')}: choose from ${Object.keys(checks).join(', ')}.`)
  process.exit(2)
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true
    endCommands()
  })
}

const failed: string[] = []
let counts: Counts = { passed: 0, failed: 0, skipped: 0 }
for (const [name, check] of Object.entries(checks)) {
  if (interrupted || !selection.includes(name)) continue
  const started = performance.now()
  let { ok, output } = await check()
  let remark = ''
  if (name === 'tests') {
    counts = readCounts()
    if (counts.passed + counts.failed === 0) {
      ok = false
      output += '\nNo test ran.\n'
    }
    if (counts.failed > 0) ok = false
    remark = `  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds.padStart(6)} s${remark}`)
  if (!ok) {
    failed.push(name)
    console.log(tail(output))
  }
}
rmSync(temporary, { recursive: true, force: true })

if (failed.length > 0) console.log(`failed: ${failed.join(', ')}`)
if (selection.includes('tests')) console.log(`${counts.passed} passed, ${counts.failed} failed`)
process.exitCode = interrupted ? 130 : failed.length > 0 ? 1 : 0

async function build(): Promise<CommandResult> {
  // what tsc does not write any more must not be published
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  const compiled = await runCommand('tsc', ['-p', 'tsconfig.build.json'], toolLimit)
  if (!compiled.ok) return compiled
  return await runCommand('node', ['scripts/boot-bundle.ts', 'dist', '.js', 'dist/boot'], toolLimit)
}

/** Packs once what would be published, and lets both judges look at that same file. */
async function checkPackage(): Promise<CommandResult> {
  if (!selection.includes('build')) {
    const built = await build()
    if (!built.ok) return built
  }
  const packed = await runCommand('npm', ['pack', '--ignore-scripts', '--pack-destination', temporary], toolLimit)
  const tarball = readdirSync(temporary).find((name) => name.endsWith('.tgz'))
  if (!packed.ok || tarball === undefined) return { ok: false, output: packed.output }
  const file = join(temporary, tarball)
  const publint = await runCommand('publint', ['run', file, '--strict'], toolLimit)
  const attw = await runCommand('attw', [file, '--profile', 'esm-only', '--format', 'ascii'], toolLimit)
  return { ok: publint.ok && attw.ok, output: `${publint.output}\n${attw.output}` }
}

function vitestReporters(): string[] {
  return ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
}

function readCounts(): Counts {
  let result: Report
  try {
    result = JSON.parse(readFileSync(report, 'utf8')) as Report
  } catch {
    return { passed: 0, failed: 0, skipped: 0 }
  }
  // a file that fails outside its tests, like in an import or a hook, counts as one failure, else no number would
  // show it
  const brokenFiles = result.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  )
  return {
    passed: result.numPassedTests,
    failed: result.numFailedTests + brokenFiles.length,
    skipped: result.numPendingTests + result.numTodoTests,
  }
}

function tail(output: string): string {
  const lines = output.trimEnd().split('\n')
  const cut = lines.length - shownLines
  if (cut <= 0) return lines.join('\n')
  return [`(the first ${cut} lines are left out)`, ...lines.slice(cut)].join('\n')
}
