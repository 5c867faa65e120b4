#!/usr/bin/env node
import { parseArgs } from 'node:util'
import { GreenroomError } from '../index.ts'
import { listActors } from './list-actors.ts'

const USAGE = `greenroom: looks into a mesh of this machine

  greenroom actors [--mesh NAME]   the live actors as a tree; * marks the arbiter

  --mesh NAME   default: GREENROOM_MESH, else 'default'
  --help        this text

Exit codes: 0 done, 1 no program of that mesh is running, 2 wrong usage.`

process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { mesh: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help) {
      console.log(USAGE)
      return 0
    }
    const mesh = values.mesh ?? process.env['GREENROOM_MESH'] ?? 'default'
    if (positionals.length === 1 && positionals[0] === 'actors') return await listActors(mesh)
    console.error(USAGE)
    return 2
  } catch (error) {
    console.error(`greenroom: ${error instanceof Error ? error.message : String(error)}`)
    return error instanceof GreenroomError ? 1 : 2
  }
}
