import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const tools = join(root, 'node_modules', '.bin')

/** The oldest Node that the scene runs on: `import.meta.main` is new in it. The newest is the project's own. */
const oldestNode = '24.2.0'

/** The longest that packing and the two installs may take, in milliseconds. */
const installLimit = 5 * 60_000
/** The longest that one command may take, in milliseconds. */
const commandLimit = 4 * 60_000
/** The longest that the scene may take, in milliseconds. */
const sceneLimit = 45_000

/** A program as a user without TypeScript writes it. */
const scene = `import { currentActor, expose, openNursery, run, waitForActor } from 'greenroom'

export async function hi() {
  return \`Hi my name is \${currentActor().name}\`
}

export async function sayHello(other) {
  await using portal = await waitForActor(other)
  return await portal.run(hi)
}

expose(import.meta, { hi, sayHello }, 'film')

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      console.log('Alright... Action!')
      const donny = await nursery.runInActor('donny', sayHello, 'gretchen')
      const gretchen = await nursery.runInActor('gretchen', sayHello, 'donny')
      console.log(await gretchen.result())
      console.log(await donny.result())
      console.log('CUTTTT CUUTT CUT!!?! Donny!! You are supposed to say...')
    }),
  )
}
`

/** Says what a child runs, and whether the library that its modules import is the one that it runs on. */
const where = `import { currentActor, expose, openNursery, run } from 'greenroom'

export const look = () => [process.argv[1], currentActor().name === 'here']
expose(import.meta, { look }, 'where')

if (import.meta.main) {
  await run(() =>
    openNursery(async (nursery) => {
      const portal = await nursery.runInActor('here', look)
      for (const line of await portal.result()) console.log(line)
    }),
  )
}
`

/** A service in CommonJS, which owns its process. */
const service = `const { currentActor, findActor, joinMesh, openNursery } = require('greenroom')

async function main() {
  const mesh = await joinMesh({ name: 'service' })
  await openNursery(async (nursery) => {
    await nursery.startActor('worker', {})
    console.log(currentActor().name, (await findActor('worker')).name)
    nursery.cancel()
  })
  await mesh.leave()
}

main()
`

/** A test of a user's own, without a test runner. */
const ownTest = `import { currentActor, expose } from 'greenroom'
import { fakeClock, openTestMesh, watchLeftovers } from 'greenroom/testing'

export const hi = () => \`Hi my name is \${currentActor().name}\`
const film = expose(import.meta, { hi }, 'film')

const expectNothingLeft = watchLeftovers()
{
  await using mesh = await openTestMesh()
  using clock = fakeClock()
  await clock.advance(1_000)
  const frank = await mesh.startActor('frank', { modules: [film] })
  console.log(await frank.portal.run(hi), clock.now())
}
await expectNothingLeft()
`

/** The same names as a user with TypeScript sees them. */
const typedUse = `import { expose, openNursery, run, waitForActor } from 'greenroom'

export async function double(n: number): Promise<number> {
  return 2 * n
}
expose(import.meta, { double }, 'sums')

await run(() =>
  openNursery(async (nursery) => {
    const portal = await nursery.runInActor('worker', double, 21)
    const typed: number = await (await waitForActor('worker')).run(double, 1)
    // @ts-expect-error a number is wanted
    await portal.run(double, 'one')
    return typed
  }),
)
`

/** The environment of a fresh shell: what npm tells its own scripts would point a second npm at this project. */
function shellEnvironment(): NodeJS.ProcessEnv {
  const own =
    /^(npm_(package_|lifecycle_|command|execpath|node_execpath|config_(local_prefix|loglevel))|INIT_CWD|VITEST|NODE_ENV)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

async function execute(command: string, args: string[], cwd: string, timeout = commandLimit): Promise<string> {
  const options = { cwd, timeout, killSignal: 'SIGKILL' as const, env: shellEnvironment(), encoding: 'utf8' as const }
  try {
    return (await promisify(execFile)(command, args, options)).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string }
    throw new Error(`${command} ${args.join(' ')} failed\n${stdout ?? ''}\n${stderr ?? ''}`, { cause: error })
  }
}

async function npmInstall(folder: string, manifest: object, spec: string): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, ...manifest }))
  await execute('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', spec], folder)
}

describe('the package', () => {
  let work: string
  let files: string[]
  let project: string
  const binaries: Record<'oldest' | 'own', string> = { oldest: '', own: process.execPath }

  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'greenroom-pack-'))

    // built apart from dist/, so that neither a stale build is tested nor a build in use is replaced
    const stage = join(work, 'stage')
    await mkdir(stage)
    await execute(join(tools, 'tsc'), ['-p', 'tsconfig.build.json', '--outDir', join(stage, 'dist')], root)
    await symlink(join(root, 'node_modules'), join(stage, 'node_modules'))
    const bundle = [join(root, 'scripts', 'boot-bundle.ts'), join(stage, 'dist'), '.js', join(stage, 'dist', 'boot')]
    await execute(process.execPath, bundle, root)
    for (const paper of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
      await copyFile(join(root, paper), join(stage, paper))
    }
    // a file beside them must stay out of the package
    await writeFile(join(stage, 'notes.txt'), 'not for users')
    const report = await execute('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', work], stage)
    const [packed] = JSON.parse(report) as { filename: string; files: { path: string }[] }[]
    if (packed === undefined) throw new Error(`npm pack reported no package: ${report}`)
    files = packed.files.map((file) => file.path)

    project = join(work, 'project')
    await npmInstall(project, { type: 'module' }, join(work, packed.filename))
    await writeFile(join(project, 'scene.js'), scene)

    const oldest = join(work, 'oldest')
    await npmInstall(oldest, { allowScripts: { node: true } }, `node@${oldestNode}`)
    binaries.oldest = join(oldest, 'node_modules', 'node', 'bin', 'node')
  }, installLimit)

  afterAll(async () => {
    await rm(work, { recursive: true, force: true })
  })

  test('holds the compiled files and the papers, and nothing else', () => {
    const papers = files.filter((path) => !path.startsWith('dist/'))
    expect(papers.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'])
    expect(files).toEqual(
      expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'dist/cli/index.js', 'dist/testing/index.js']),
    )
    expect(files).toEqual(expect.arrayContaining(['dist/boot/boot.mjs', 'dist/boot/THIRD-PARTY-LICENSES.txt']))
    expect(files.filter((path) => /^dist\/(?!boot\/)/.test(path) && !/\.(js|d\.ts)$/.test(path))).toEqual([])
  })

  test('brings the greenroom command', async () => {
    const command = join(project, 'node_modules', '.bin', 'greenroom')
    expect(existsSync(command)).toBe(true)
    expect(await readFile(command, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
  })

  test.each([
    { which: 'oldest', version: `v${oldestNode}` },
    { which: 'own', version: process.version },
  ] as const)('plays a scene of two actors in plain JavaScript on Node $version', async ({ which, version }) => {
    const node = binaries[which]
    expect((await execute(node, ['--version'], project)).trim()).toBe(version)
    const output = await execute(node, ['scene.js'], project, sceneLimit)
    expect(output.trim().split('\n')).toEqual([
      'Alright... Action!',
      'Hi my name is donny',
      'Hi my name is gretchen',
      'CUTTTT CUUTT CUT!!?! Donny!! You are supposed to say...',
    ])
  })

  test('boots children from its bundle, in which there is one copy of the library', async () => {
    await writeFile(join(project, 'where.js'), where)
    const [file, same] = (await execute(process.execPath, ['where.js'], project, sceneLimit)).trim().split('\n')
    expect(file).toBe(await realpath(join(project, 'node_modules', 'greenroom', 'dist', 'boot', 'boot.mjs')))
    expect(same).toBe('true')
  })

  test.each(['oldest', 'own'] as const)('is embedded in a service in CommonJS (%s)', async (which) => {
    await writeFile(join(project, 'service.cjs'), service)
    expect(await execute(binaries[which], ['service.cjs'], project, sceneLimit)).toBe('service worker\n')
  })

  test.each(['oldest', 'own'] as const)('brings a mesh in one process for tests (%s)', async (which) => {
    await writeFile(join(project, 'mesh.mjs'), ownTest)
    expect(await execute(binaries[which], ['mesh.mjs'], project, sceneLimit)).toBe('Hi my name is frank 1000\n')
  })

  test('its command makes a mesh, and looks into it', async () => {
    const command = join(project, 'node_modules', 'greenroom', 'dist', 'cli', 'index.js')
    const help = await execute(binaries.oldest, [command, '--help'], project)
    expect(help).toContain('invite')
  })

  test('shows its types to a strict TypeScript project', async () => {
    await writeFile(join(project, 'typed.ts'), typedUse)
    const strict = ['--strict', '--noEmit', '--skipLibCheck', '--module', 'nodenext', '--target', 'esnext']
    const types = ['--typeRoots', join(root, 'node_modules', '@types'), '--types', 'node']
    const complaints = await execute(join(tools, 'tsc'), [...strict, ...types, '--ignoreConfig', 'typed.ts'], project)
    expect(complaints).toBe('')
  })
})
