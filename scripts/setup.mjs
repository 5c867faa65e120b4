// @ts-check
// Installs what the lockfile names when it is missing or stale, and makes sure that the project's own Node is there.
// Plain JavaScript with no dependency, because it runs before anything is installed, on whatever Node the machine has.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const modules = join(root, 'node_modules')
const nodePackage = join(modules, 'node')
const nodeBinary = join(nodePackage, 'bin', 'node')
const nodeLink = join(modules, '.bin', 'node')
const lockFile = join(root, '.setup.lock')

/** @type {import('node:child_process').ChildProcess | undefined} */
let running

/** A Node binary is over 50 MB; the package that failed to place it leaves nothing or a stub. Bytes. */
const smallestNodeBinary = 1_000_000
/** An install that holds the lock for longer than this is taken for dead. Milliseconds. */
const longestInstall = 15 * 60_000
/** How often a second setup looks whether the first has finished. Milliseconds. */
const lockPoll = 200

/**
 * Whether node_modules holds exactly what the lockfile names, told from the copy of the lockfile that npm leaves there
 * as the last step of an install: an install that was broken off leaves none.
 */
function installed() {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
    const present = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(([path, { version, optional, devOptional, link }]) => {
      if (path === '' || link) return true
      // optional packages for other platforms are never installed
      if (present[path] === undefined) return optional === true || devOptional === true
      return present[path].version === version && (optional || existsSync(join(root, path, 'package.json')))
    })
  } catch {
    return false
  }
}

/** Whether the npm package `node` has placed its binary, where npm links it. */
function nodePlaced() {
  return isNodeBinary(nodeBinary) && isNodeBinary(nodeLink)
}

/** @param {string} file */
function isNodeBinary(file) {
  try {
    return statSync(file).size > smallestNodeBinary
  } catch {
    return false
  }
}

/** The environment without this project's own tools, which are about to be replaced. */
function machineEnvironment() {
  const env = { ...process.env }
  for (const name of Object.keys(env)) {
    // an outer `npm --silent` or a production shell must not decide what is installed here
    if (/^npm_(config_(loglevel|omit|include|ignore_scripts|global|prefix|dry_run)|package_|lifecycle_)/i.test(name)) {
      delete env[name]
    }
  }
  delete env['NODE_ENV']
  env['PATH'] = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.endsWith(join('node_modules', '.bin')))
    .join(delimiter)
  return env
}

/**
 * Runs a command to its end and keeps what it prints.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function execute(command, args, cwd) {
  return new Promise((resolve) => {
    let output = ''
    const child = spawn(command, args, { cwd, env: machineEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', (error) => resolve({ ok: false, output: String(error) }))
    child.on('close', (code) => resolve({ ok: code === 0, output }))
    running = child
    // an npm that outlives a killed setup still changes node_modules: the next setup waits for it too
    writeFileSync(lockFile, `${process.pid} ${child.pid ?? ''}`)
  })
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`greenroom: ${line}\n`)
}

/**
 * @param {string} what
 * @param {string} output
 * @returns {never}
 */
function fail(what, output) {
  if (output.trim() !== '') process.stderr.write(`${output.trimEnd()}\n`)
  say(what)
  releaseLock()
  process.exit(1)
}

/** Takes the lock, or returns false when another live setup holds it. */
function takeLock() {
  try {
    writeFileSync(lockFile, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error
  }
  try {
    const age = Date.now() - statSync(lockFile).mtimeMs
    const holders = readFileSync(lockFile, 'utf8')
      .split(' ')
      .filter((pid) => pid !== '')
    // a lock without a pid has just been created and is being written
    if (age < longestInstall && (holders.length === 0 ? age < 5_000 : holders.map(Number).some(alive))) return false
    rmSync(lockFile, { force: true })
  } catch {
    // the holder has just let go
  }
  return false
}

function releaseLock() {
  try {
    if (Number.parseInt(readFileSync(lockFile, 'utf8')) === process.pid) rmSync(lockFile, { force: true })
  } catch {
    // gone already
  }
}

/** @param {number} pid */
function alive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM'
  }
}

async function install() {
  const started = Date.now()
  say('installing the packages of package-lock.json, once; this can take a minute')
  const result = await execute(
    'npm',
    ['ci', '--loglevel=error', '--no-audit', '--no-fund', '--include=dev', '--include=optional', '--prefer-offline'],
    root,
  )
  if (!result.ok)
    fail('`npm ci` failed: see above; with a working package registry, run the command again', result.output)
  say(`installed in ${((Date.now() - started) / 1000).toFixed(1)} s`)
}

/** The package `node` fetches its binary in an install script, which npm may have been told not to run. */
async function placeNode() {
  if (!isNodeBinary(nodeBinary)) {
    say('fetching the Node that this project runs on (npm ran no install script for it)')
    const result = await execute(process.execPath, ['installArchSpecificPackage.js'], nodePackage)
    if (!result.ok || !isNodeBinary(nodeBinary)) {
      fail(
        'the npm package `node` has no binary for this machine: allow its install script and run `npm rebuild node`',
        result.output,
      )
    }
  }
  if (!isNodeBinary(nodeLink)) {
    rmSync(nodeLink, { force: true })
    symlinkSync(relative(dirname(nodeLink), nodeBinary), nodeLink)
  }
}

if (!installed() || !nodePlaced()) {
  for (let told = false; !takeLock(); told = true) {
    if (!told) say('another setup is at work here: waiting for it')
    await new Promise((resolve) => setTimeout(resolve, lockPoll))
  }
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      running?.kill(signal)
      releaseLock()
      process.exit(130)
    })
  }
  // the other setup may have done the work while this one waited
  if (!installed()) await install()
  if (!nodePlaced()) await placeNode()
  releaseLock()
}
