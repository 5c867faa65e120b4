import { joinMesh, rotateSecret } from '../../index.ts'
import { openOutput, type Output } from '../output.ts'
import { visible } from '../text.ts'

export interface RotateCommandOptions {
  readonly mesh: string
  readonly overlap?: number
  readonly json?: boolean
}

/** What `rotate --json` prints. */
export interface RotateReport {
  readonly mesh: string
  /** How often the secret of the mesh has changed. */
  readonly epoch: number
  /** Roots that have it now, and those that were asked and did not answer: they get it from others, or at a door. */
  readonly told: readonly string[]
  readonly untold: readonly string[]
  /** Until when the former secret opens connections. */
  readonly until: string
}

/** Changes the secret of a live mesh. */
export async function rotate({ mesh, overlap, json }: RotateCommandOptions): Promise<void> {
  const output = openOutput(json === true)
  await using _joined = await joinMesh({ mesh, name: 'greenroom-command' })
  await printRotation(output, await rotateHere(mesh, overlap))
}

/** For a process that is a root of the mesh. */
export async function rotateHere(mesh: string, overlapMs: number | undefined): Promise<RotateReport> {
  const { epoch, told, untold, until } = await rotateSecret(overlapMs === undefined ? {} : { overlapMs })
  return { mesh, epoch, told, untold, until: new Date(until).toISOString() }
}

async function printRotation(output: Output, report: RotateReport): Promise<void> {
  if (output.json) await output.document(report)
  else for (const line of drawRotation(report)) await output.line(line)
}

export function drawRotation({ mesh, epoch, told, untold, until }: RotateReport): string[] {
  const lines = [
    `mesh '${mesh}' has a new secret (change ${epoch}); the former one opens connections until ${until}`,
    `told: ${told.map(visible).join(', ') || 'nobody else is here'}`,
  ]
  if (untold.length > 0) lines.push(`not yet: ${untold.map(visible).join(', ')}`)
  lines.push('invitations that were made before are worth nothing now')
  return lines
}
