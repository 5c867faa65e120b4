// Adds to package-lock.json the optional packages of other platforms that npm left out, to be run after `npm install`
// has changed it: `npm run lock`.
//
// npm drops an optional package that the registry in use does not serve, as a partial mirror may not for platforms
// it has no use for, and `npm ci` then refuses the lockfile everywhere, because it is not complete.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run-command.ts'

interface Entry {
  version?: string
  dev?: boolean
  optional?: boolean
  os?: string[]
  cpu?: string[]
  libc?: string[]
  optionalDependencies?: Record<string, string>
}

const systems = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64']

/** An exact version: only such a one says without the registry which package is meant. */
const exactVersion = /^\d+\.\d+\.\d+(-[\w.]+)?$/

const file = join(root, 'package-lock.json')
const lock = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Entry> }

const added: string[] = []
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (path === '' || find(path, name) !== undefined) continue
    const platform = platformOf(name)
    if (!exactVersion.test(version) || platform === undefined) {
      throw new Error(
        `${path} wants ${name}@${version}, which the lockfile lacks and whose platform its name does not say`,
      )
    }
    const top = `node_modules/${name}`
    const place = lock.packages[top] === undefined ? top : `${path}/${top}`
    const { os, cpu, libc } = platform
    // the keys in npm's own order, so that npm has nothing to rewrite
    lock.packages[place] = { version, cpu, ...(entry.dev && { dev: true }), ...(libc && { libc }), optional: true, os }
    added.push(`${name}@${version}`)
  }
}

const [own, ...others] = Object.entries(lock.packages)
if (own === undefined) throw new Error('package-lock.json names no packages: run `npm install` first')
const sorted = others.toSorted(([a], [b]) => a.localeCompare(b, 'en'))
writeFileSync(file, `${JSON.stringify({ ...lock, packages: Object.fromEntries([own, ...sorted]) }, null, 2)}\n`)
console.log(added.length === 0 ? 'package-lock.json is complete' : `added to package-lock.json:\n${added.join('\n')}`)

/** Where a package at `path` finds `name`, as Node looks for it: in its own folder, then in each one above. */
function find(path: string, name: string): string | undefined {
  for (let folder = path; ; folder = folder.slice(0, folder.lastIndexOf('/node_modules/'))) {
    const place = `${folder}/node_modules/${name}`
    if (lock.packages[place] !== undefined) return place
    if (!folder.includes('/node_modules/')) break
  }
  const top = `node_modules/${name}`
  return lock.packages[top] === undefined ? undefined : top
}

/** The platform that the name of a package with a binary ends in, like `binding-linux-arm64-musl`. */
function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } | undefined {
  const words = name.slice(name.indexOf('/') + 1).split('-')
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (os === undefined || cpu === undefined) return undefined
  const platform = { os: [os], cpu: [cpu] }
  if (os !== 'linux') return platform
  if (words.some((word) => word.startsWith('musl'))) return { ...platform, libc: ['musl'] }
  if (words.some((word) => word.startsWith('gnu'))) return { ...platform, libc: ['glibc'] }
  return platform
}
