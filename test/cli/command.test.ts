import { describe, expect, test } from 'vitest'
import { drawTree } from '../../cli/list-actors.ts'
import type { ActorInfo } from '../../index.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

useRuntimeDir()
expectNothingLeft()

const command = new URL('../../cli/index.ts', import.meta.url)
const program = new URL('../nursery/fixtures/mesh-program.ts', import.meta.url)

async function greenroom(...args: string[]): Promise<Program & { code: number | null }> {
  const run = await startProgram(command, { args })
  const { code } = await run.waitForExit()
  return Object.assign(run, { code })
}

describe('greenroom actors', () => {
  test('lists the actors of a mesh as a tree, the arbiter marked, itself left out', async () => {
    const root = await startProgram(program, { args: ['shown', 'theatre', 'frank'] })
    await root.waitForLine('frank says hello')
    const { stdout, code } = await greenroom('actors', '--mesh', 'shown')
    expect(stdout.map((line) => line.replace(/\(\w{8}\)/, '(id)'))).toEqual([
      '* theatre (id)  serves mesh-program',
      '    frank (id)  serves mesh-program',
    ])
    expect(code).toBe(0)
    root.kill('SIGTERM')
    await root.waitForExit()
  })

  test('says so when no program of the mesh is running', async () => {
    const { stderr, code } = await greenroom('actors', '--mesh', 'empty')
    expect(stderr).toEqual(["no program of mesh 'empty' can be reached from this machine"])
    expect(code).toBe(1)
  })

  test('names what is wrong with a mesh name', async () => {
    const { stderr, code } = await greenroom('actors', '--mesh', '../etc')
    expect(stderr.join()).toContain("'../etc'")
    expect(code).toBe(1)
  })
})

test.each([[[]], [['dance']], [['actors', 'twice']], [['--unknown']]])('wrong usage %j exits with 2', async (args) => {
  const { stderr, code } = await greenroom(...args)
  expect(stderr.length).toBeGreaterThan(0)
  expect(code).toBe(2)
})

test('--help explains itself', async () => {
  const { stdout, code } = await greenroom('--help')
  expect(stdout.join('\n')).toMatch(/^ +actors .*live actors/m)
  expect(code).toBe(0)
})

test('the tree shows each actor below its parent', () => {
  const actor = (name: string, parent?: string): ActorInfo => {
    const nothing = { addresses: [], modules: [], tags: [], groups: [], version: undefined }
    return { name, id: `id-of-${name}`, ...nothing, parent: parent && `id-of-${parent}`, root: 'x' }
  }
  const lines = drawTree([actor('a'), actor('b', 'a'), actor('c', 'b'), actor('d')], 'id-of-d')
  expect(lines.map((line) => line.replace(/ \(.*$/, ''))).toEqual(['  a', '    b', '      c', '* d'])
})
