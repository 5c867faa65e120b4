// Makes the bundle that child processes boot from: one chunk with the library and what it stands on, and beside it one
// small file for each module of the library, so that whatever a user's module imports of greenroom is that same chunk. The
// command starts from it too: cli/main.mjs loads little of itself, and the library when a subcommand looks into a mesh.
//
//   node scripts/boot-bundle.ts dist .js dist/boot     what `npm run build` does after tsc
import { globSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { COMMAND_PACKAGES, leanModules } from './lean-modules.ts'
import { libraryScript } from './library-script.ts'

/** Modules of the library that a child may meet; the command is none of them. */
const LIBRARY = ['index', '{node,rpc,discovery,telemetry,nursery}/**/*']
/** Where the command starts; what it imports lazily becomes files of their own. */
const COMMAND = 'cli/main'
/** What telemetry stands on: a program and the library must have the same copy of the first one. */
const OF_TELEMETRY = [/^@opentelemetry\//, '@libp2p/prometheus-metrics', 'prom-client']

/** What reaches, or finds, other hosts in networks that let nobody in. */
const OF_NETWORKS = ['@libp2p/circuit-relay-v2', '@libp2p/upnp-nat', 'multicast-dns']

/** What `greenroom watch` draws with: many files, which nobody else loads. */
const OF_WATCH = [/^react(\/|$)/, 'ink']

/**
 * @param from folder of the library's modules, as sources or as built
 * @param extension theirs: `.ts` or `.js`
 * @param to folder that the bundle is written into
 */
export async function writeBootBundle(from: string, extension: '.ts' | '.js', to: string): Promise<void> {
  const modules = LIBRARY.flatMap((pattern) => globSync(`${pattern}${extension}`, { cwd: from })).map((file) =>
    file.slice(0, -extension.length).replaceAll('\\', '/'),
  )
  const sources = realpathSync(from)
  const command = join(sources, 'cli', sep)
  // What makes a process a child when it is imported: the command, which has the same library, is none.
  const child = join(sources, 'nursery', `child${extension}`)
  const telemetry = join(sources, 'telemetry', sep)
  // A mesh in one process, for the demo of the command.
  const testing = join(sources, 'testing', sep)
  const apart = [telemetry, testing]
  const ofCommand = (id: string): boolean => id.startsWith(command) || COMMAND_PACKAGES.test(id)
  const bundle = await rolldown({
    input: Object.fromEntries([...modules, COMMAND].map((name) => [name, join(from, name + extension)])),
    platform: 'node',
    plugins: [leanModules(), libraryScript()],
    // an optional native addon of msgpackr: to look for it costs a start four milliseconds where it is missing
    transform: { define: { 'process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED': '"true"' } },
    // loaded by few, and by them from where it is installed
    external: ['msgpackr-extract', ...OF_NETWORKS, '@libp2p/memory', ...OF_TELEMETRY, ...OF_WATCH],
    logLevel: 'silent',
  })
  try {
    const { output } = await bundle.write({
      dir: to,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: ({ moduleIds }) => (moduleIds.some(ofCommand) ? 'cli/[name].mjs' : '[name].mjs'),
      // Names stay, also of classes that get others beside their namesakes of other packages: errors are known by them.
      keepNames: true,
      minify: { compress: false, mangle: false, codegen: true },
      codeSplitting: {
        groups: [
          {
            name: 'library',
            test: (id) => !ofCommand(id) && id !== child && !apart.some((folder) => id.startsWith(folder)),
          },
        ],
      },
    })
    const files = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.moduleIds : []))
    writeFileSync(join(to, 'THIRD-PARTY-LICENSES.txt'), licenses(files))
  } finally {
    await bundle.close()
  }
  writeFileSync(join(to, 'boot.mjs'), bootFile(pathToFileURL(resolve(from)).href, modules, extension, to))
}

/** The file that a child runs: whatever resolves to a module of the library becomes the one in the bundle. */
function bootFile(from: string, modules: readonly string[], extension: string, to: string): string {
  // A package is moved to where its users install it; sources are bundled where they lie.
  const inside = pathToFileURL(dirname(to)).href === from
  const root = inside ? `new URL('../', import.meta.url).href` : `'${from}/'`
  return `import { enableCompileCache, registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

enableCompileCache(fileURLToPath(new URL('./compile-cache', import.meta.url)))
const root = ${root}
const modules = new Set(${JSON.stringify(modules)})
registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context)
    const { url } = resolved
    if (!url.startsWith(root) || !url.endsWith('${extension}')) return resolved
    const name = url.slice(root.length, -${extension.length})
    if (!modules.has(name)) return resolved
    return { url: new URL(\`./\${name}.mjs\`, import.meta.url).href, format: 'module', shortCircuit: true }
  },
})
await import('./nursery/child.mjs')
`
}

/** Who gives away others' code gives away their terms with it. */
function licenses(files: readonly string[]): string {
  const packages = new Set(
    files.flatMap((file) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file.replaceAll('\\', '/'))?.[0] ?? []),
  )
  return [...packages].toSorted().map(licenseOf).join('\n')
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license?: string
  }
  const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice|copying)/i.test(file))
  const words = texts.map((file) => readFileSync(join(folder, file), 'utf8').trim())
  return [`${name} ${version} (${license ?? 'see below'})`, ...words, ''].join('\n\n')
}

if (import.meta.main) {
  const [from, extension, to] = process.argv.slice(2)
  if (from === undefined || (extension !== '.ts' && extension !== '.js') || to === undefined)
    throw new Error('usage: node scripts/boot-bundle.ts <folder> .ts|.js <folder to write into>')
  await writeBootBundle(resolve(from), extension, resolve(to))
}
