import { inspect } from 'node:util'
import { type FunctionDescription, type Portal, RemoteActorError } from '../../index.ts'
import { CommandError } from '../command-error.ts'
import { EXIT } from '../exit-code.ts'
import { type LookOptions, lookInto } from '../look-into.ts'
import type { Output } from '../output.ts'
import { visible } from '../text.ts'
import { readArguments } from '../read-arguments.ts'
import { toJson } from '../value.ts'

/** Levels of a value that are shown to people. */
const SHOWN_DEPTH = 8

export interface CallCommandOptions extends LookOptions {
  readonly timeout?: number
  /** Items after which a stream is left. */
  readonly first?: number
  readonly stack?: boolean
}

/** Calls a function of an actor and prints what it gives; gives the exit code. */
export async function call(
  actor: string,
  functionId: string,
  args: readonly string[],
  options: CallCommandOptions,
): Promise<number> {
  return await invokeIn(actor, functionId, args, options, 'value', async (outcome, output) => {
    const value = outcome.kind === 'value' ? outcome.value : undefined
    if (output.json) await output.document(toJson(value))
    else if (value !== undefined) await output.line(showValue(value, false))
  })
}

/** Calls an `async function*` of an actor and prints each item on a line; leaving cancels it there. */
export async function stream(
  actor: string,
  functionId: string,
  args: readonly string[],
  options: CallCommandOptions,
): Promise<number> {
  let left = options.first ?? Number.POSITIVE_INFINITY
  return await invokeIn(actor, functionId, args, options, 'stream', async (outcome, output) => {
    if (outcome.kind === 'value') return
    for await (const item of outcome.items) {
      if (output.json) await output.item(toJson(item))
      else await output.line(showValue(item, true))
      if (--left <= 0) break
    }
  })
}

async function invokeIn(
  actor: string,
  functionId: string,
  args: readonly string[],
  options: CallCommandOptions,
  kind: FunctionDescription['kind'],
  print: (outcome: Invoked, output: Output) => Promise<void>,
): Promise<number> {
  const values = await readArguments(args)
  return await lookInto(options, async (sight, output) => {
    const portal = sight.portal(sight.member(actor)).with(limitsOf(options))
    try {
      await assertKind(portal, functionId, kind)
      await print(await portal.invoke(functionId, values), output)
    } catch (error) {
      if (options.stack === true && error instanceof RemoteActorError && error.remoteStack !== '')
        output.note(error.remoteStack.split('\n').map(visible).join('\n'))
      throw error
    }
  })
}

type Invoked = Awaited<ReturnType<Portal['invoke']>>

/** Before anything runs. @throws CommandError `OTHER_KIND` */
async function assertKind(portal: Portal, functionId: string, wanted: FunctionDescription['kind']): Promise<void> {
  const known = await portal.describe()
  const kind = known.find(({ id }) => id === functionId)?.kind ?? wanted
  if (kind === wanted) return
  const [what, subcommand] = kind === 'stream' ? ['a stream', 'stream'] : ['no stream', 'call']
  throw new CommandError('OTHER_KIND', EXIT.usage, `${visible(functionId)} is ${what}: use 'greenroom ${subcommand}'`)
}

function limitsOf({ timeout }: CallCommandOptions): { timeout?: number } {
  return timeout === undefined ? {} : { timeout }
}

/** A text as it is, harmless to a terminal; anything else as Node shows it. */
export function showValue(value: unknown, onOneLine: boolean): string {
  if (typeof value === 'string') return onOneLine ? visible(value) : value.split('\n').map(visible).join('\n')
  return inspect(value, {
    depth: SHOWN_DEPTH,
    colors: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
    breakLength: onOneLine ? Number.POSITIVE_INFINITY : 100,
    compact: onOneLine ? true : 3,
  })
}
