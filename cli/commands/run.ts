import { spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { resolve } from 'node:path'
import { chooseMesh, type MeshChoice } from '../choose-mesh.ts'
import { CommandError } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'

const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const

/**
 * Runs a program in a mesh: what it gives to `run` or `joinMesh` needs to name none. Gives the program's own exit code, or
 * what a shell says of one that a signal has ended.
 */
export async function runProgram(file: string, args: readonly string[], options: MeshChoice): Promise<number> {
  const path = programAt(file)
  const mesh = chooseMesh(options)
  const child = spawn(process.execPath, [path, ...args], {
    stdio: 'inherit',
    env: { ...process.env, GREENROOM_MESH: mesh },
  })
  // a terminal sends its signals to both: greenroom takes the second one of a moment for the same key press
  const passOn = (signal: NodeJS.Signals): void => void child.kill(signal)
  for (const signal of PASSED_ON) process.on(signal, passOn)
  try {
    return await new Promise<number>((ended, failed) => {
      child.once('error', failed)
      child.once('exit', (code, signal) => ended(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn)
  }
}

function programAt(file: string): string {
  const path = resolve(file)
  const what = statSync(path, { throwIfNoEntry: false })
  if (what?.isFile() === true) return path
  throw new CommandError(
    'NO_PROGRAM',
    EXIT.usage,
    `${path} is ${what === undefined ? 'not there' : 'no file'}: give a JavaScript or TypeScript file that calls run() or joinMesh()`,
  )
}
