import { chooseMesh, type MeshChoice } from '../choose-mesh.ts'
import { describeFailure } from '../command-error.ts'
import { type Finding, problem, SEVERITIES, type Severity } from '../doctor/finding.ts'
import { judgeMachine, readMachine } from '../doctor/machine.ts'
import { judgeMesh } from '../doctor/mesh.ts'
import { readMesh } from '../doctor/read-mesh.ts'
import { EXIT } from '../exit-code.ts'
import { lookInto } from '../look-into.ts'
import { openOutput, type Output } from '../output.ts'

/** Milliseconds that each root has to say how it is. */
export const EXAMINE_MS = 3_000

/** What `doctor --json` prints. */
export interface DoctorReport {
  readonly mesh: string
  /** The worst of what was found. */
  readonly severity: Severity
  readonly findings: readonly Finding[]
}

export interface DoctorOptions extends MeshChoice {
  readonly json?: boolean
  readonly timeout?: number
  readonly port?: number
  /** Also what is well. */
  readonly verbose?: boolean
  /** A warning is a failure. */
  readonly strict?: boolean
}

/** Looks at this machine and the mesh, and says what is wrong and what to do; gives 1 when something is broken. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const output = openOutput(options.json === true)
  const mesh = chooseMesh(options)
  const findings: Finding[] = judgeMachine(await readMachine(mesh, options.port))
  let code = 0
  try {
    code = await lookInto(options, async (sight) => {
      findings.push(...judgeMesh(await readMesh(sight, options.timeout ?? EXAMINE_MS)))
    })
  } catch (error) {
    findings.push(problem('mesh', `mesh '${mesh}' cannot be looked into`, describeFailure(error)))
  }
  // interrupted
  if (code !== 0) return code
  const severity = worstOf(findings)
  if (output.json) await output.document({ mesh, severity, findings } satisfies DoctorReport)
  else await show(mesh, severity, findings, options.verbose === true, output)
  return severity === 'problem' || (options.strict === true && severity === 'warning') ? EXIT.failed : EXIT.done
}

export function worstOf(findings: readonly Finding[]): Severity {
  return SEVERITIES[findings.reduce((worst, { severity }) => Math.max(worst, SEVERITIES.indexOf(severity)), 0)] ?? 'ok'
}

async function show(
  mesh: string,
  worst: Severity,
  findings: readonly Finding[],
  all: boolean,
  output: Output,
): Promise<void> {
  const shown = findings.filter(({ severity }) => all || severity !== 'ok')
  for (const severity of SEVERITIES.toReversed())
    for (const { check, severity: own, what, remedy } of shown) {
      if (own !== severity) continue
      await output.line(`${own.padEnd(7)}  ${check}: ${what}`)
      if (remedy !== null) for (const line of remedy.split('\n')) await output.line(`         → ${line}`)
    }
  const well = findings.filter(({ severity }) => severity === 'ok').length
  const words = {
    ok: 'all is well',
    note: 'all is well',
    warning: 'something needs care',
    problem: 'something is broken',
  }
  await output.line(`mesh '${mesh}': ${words[worst]} (${well} of ${findings.length} checks without a finding)`)
}
