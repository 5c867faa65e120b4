import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = ['docs/deploy.md', ...globSync('examples/deploy/*', { cwd: root })]
const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]))
const page = texts.get('docs/deploy.md')!
const sources = globSync('{node,nursery,discovery,cli}/**/*.ts', { cwd: root })
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n')

interface Use {
  readonly subcommand: string
  readonly options: readonly string[]
}

/** Each use of the command, as a line of a shell or as a list of words. */
function usesIn(text: string): Use[] {
  const words = [...text.matchAll(/\bgreenroom,? (up|invite|join|leave|members|run)\b([^\n`|)&]*)/g)]
  return words.map(([, subcommand = '', rest = '']) => ({
    subcommand,
    options: [...rest.matchAll(/(?<=[\s,])--[a-z]+/g)].map(([option]) => option),
  }))
}

function isThere(command: string): boolean {
  return spawnSync(command, ['--version']).error === undefined
}

describe('the recipes for real machines', () => {
  const uses = [...texts.values()].flatMap(usesIn)
  const used = Map.groupBy(uses, ({ subcommand }) => subcommand)

  test('are full of commands', () => {
    expect(uses.length).toBeGreaterThan(15)
    expect([...used.keys()].toSorted()).toEqual(['invite', 'join', 'leave', 'members', 'run', 'up'])
    expect(uses.flatMap(({ options }) => options)).toContain('--announce')
  })

  test.each([...used])('use options that greenroom %s has', (subcommand, all) => {
    const help = execFileSync(process.execPath, [join(root, 'cli/index.ts'), subcommand, '--help'], {
      encoding: 'utf8',
    })
    const wanted = new Set(all.flatMap(({ options }) => options))
    expect([...wanted].filter((option) => !new RegExp(`\\s${option}\\b`).test(help))).toEqual([])
  })

  test('name variables that are read', () => {
    const variables = new Set([...texts.values()].flatMap((text) => text.match(/\b(GREENROOM|XDG)_[A-Z_]+/g) ?? []))
    expect(variables).toContain('GREENROOM_JOIN')
    expect([...variables].filter((variable) => !sources.includes(`'${variable}'`))).toEqual([])
  })

  test('tell of every file that is beside them', () => {
    for (const file of files.slice(1)) expect(page).toContain(`](../${file})`)
  })

  test.runIf(isThere('systemd-analyze'))('have a unit that systemd takes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'greenroom-unit-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const verify = (name: string, text: string): string => {
      const file = join(directory, name)
      writeFileSync(file, text)
      const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
      // of units of the system itself it complains as well
      return `${stdout}${stderr}`
        .split('\n')
        .filter((line) => line.includes(basename(file)))
        .join('\n')
    }
    const unit = texts.get('examples/deploy/greenroom@.service')!
    expect(verify('greenroom@.service', unit)).toBe('')
    expect(verify('broken@.service', unit.replace('StateDirectoryMode=0700', 'StateDirectoryModus=0700'))).toContain(
      'Modus',
    )
  })

  test.runIf(isThere('kubectl'))('have a manifest that Kubernetes’ tool takes', () => {
    const directory = mkdtempSync(join(tmpdir(), 'greenroom-manifest-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    writeFileSync(join(directory, 'kubernetes.yaml'), texts.get('examples/deploy/kubernetes.yaml')!)
    writeFileSync(join(directory, 'kustomization.yaml'), 'resources: [kubernetes.yaml]\n')
    const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', directory], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout.match(/^kind: \w+$/gm)).toEqual(['kind: Service', 'kind: Deployment', 'kind: StatefulSet'])
  })
})
