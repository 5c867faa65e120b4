import tab from '@bomb.sh/tab/commander'
import type { Command } from 'commander'
import { chooseMesh } from '../choose-mesh.ts'
import { readContexts } from '../contexts.ts'
import type { MeshSight } from '../mesh-sight.ts'
import { greenroomCommand } from '../program.ts'
import { shortId, visible } from '../text.ts'

/** Milliseconds in which names of actors and functions have to be found: nobody waits longer for a completion. */
export const COMPLETION_MS = 800
/** Names that are offered. */
export const MAX_COMPLETIONS = 500

/** What the library would call the subcommand that prints the script, if it were asked to make it. */
const INNER_COMMAND = '__completion'

type Completions = ReturnType<typeof tab>
type Offer = readonly (readonly [value: string, description: string])[]

/** A word that every shell takes as it is: others would have to be quoted in each shell's own way. */
const PLAIN = /^[\w.@%+:/#-]+$/

/** Prints the script that makes a shell complete the command. */
export function printCompletion(shell: string): void {
  completions(greenroomCommand(() => async () => {})).setup('greenroom', 'greenroom', shell)
}

/**
 * Answers a shell, line by line: what the last of these words can become. Silent whatever goes wrong.
 *
 * @param words what was typed so far; the last one is empty when a new word begins
 */
export async function complete(words: readonly string[]): Promise<void> {
  const program = greenroomCommand(() => async () => {})
  const answers = completions(program)
  const place = placeOf(program, words)
  const offer = await inTime(offerFor(place))
  const make = (add: (value: string, description: string) => void): void => {
    for (const one of offer) add(...one)
  }
  if (place.option !== undefined)
    for (const command of answers.commands.values()) {
      const option = command.options.get(place.option)
      if (option !== undefined && offer.length > 0) option.handler = make
    }
  else if (place.argument !== undefined && offer.length > 0) {
    const argument = answers.commands.get(place.command)?.arguments.get(place.argument)
    if (argument !== undefined) argument.handler = make
  }
  answers.parse([...words])
}

/** What a word at the end of a line is there for. */
export interface Place {
  /** `context use` for a subcommand of a subcommand; empty for the name of a subcommand itself. */
  readonly command: string
  /** The option that the word is the value of, without its dashes. */
  readonly option: string | undefined
  /** The argument that it is, by its declared name. */
  readonly argument: string | undefined
  /** Arguments before it. */
  readonly before: readonly string[]
  /** Values of the options before it, by name. */
  readonly options: ReadonlyMap<string, string>
}

export function placeOf(program: Command, words: readonly string[]): Place {
  const typed = words.slice(0, -1)
  const last = words.at(-1) ?? ''
  const [command, path, rest] = descend(program, typed)
  const options = new Map<string, string>()
  const before: string[] = []
  let awaited: string | undefined
  for (const word of rest) {
    if (awaited !== undefined) {
      options.set(awaited, word)
      awaited = undefined
    } else if (word.startsWith('-')) awaited = valueOption(command, word)
    else before.push(word)
  }
  const argument = last.startsWith('-') || awaited !== undefined ? undefined : argumentAt(command, before.length)
  return { command: path, option: awaited, argument, before, options }
}

function descend(program: Command, words: readonly string[]): [Command, string, readonly string[]] {
  let [command, path, at] = [program, '', 0]
  for (; at < words.length; at++) {
    const next = command.commands.find((one) => one.name() === words[at])
    if (next === undefined) break
    command = next
    path = path === '' ? next.name() : `${path} ${next.name()}`
  }
  return [command, path, words.slice(at)]
}

/** The name of an option that takes the next word. */
function valueOption(command: Command, word: string): string | undefined {
  const option = command.options.find(({ short, long }) => word === short || word === long)
  return option !== undefined && (option.required || option.optional) ? option.long?.slice(2) : undefined
}

function argumentAt(command: Command, at: number): string | undefined {
  const declared = command.registeredArguments
  const argument = declared[at] ?? declared.findLast(({ variadic }) => variadic)
  return argument?.name()
}

async function offerFor({ command, option, argument, before, options }: Place): Promise<Offer> {
  if (option === 'mesh' || (command === 'context add' && argument === 'mesh')) return await meshNames()
  if (option === 'context' || (command.startsWith('context ') && command !== 'context add' && argument === 'name'))
    return contextNames()
  if (option === undefined && argument === 'actor') return await actorNames(options)
  if (option === undefined && argument === 'function') return await functionNames(options, before[0] ?? '')
  return []
}

async function meshNames(): Promise<Offer> {
  const { knownMeshes } = await import('../../index.ts')
  const known = await knownMeshes()
  return known.map(
    ({ name, programs }) => [name, programs === 0 ? 'nothing of it runs here' : `${programs} programs here`] as const,
  )
}

function contextNames(): Offer {
  return [...readContexts().meshes].map(([name, mesh]) => [name, `mesh ${mesh}`] as const)
}

async function actorNames(options: ReadonlyMap<string, string>): Promise<Offer> {
  await using sight = await seen(options)
  const members = sight.members()
  const namesakes = Map.groupBy(members, ({ name }) => name)
  return members.map(({ name, id, modules }): readonly [string, string] => {
    const serves = modules.length === 0 ? '' : `serves ${modules.join(', ')}`
    const alone = namesakes.get(name)!.length === 1 && PLAIN.test(name)
    return alone ? [name, visible(serves)] : [shortId(id), visible(`${name} ${serves}`)]
  })
}

async function functionNames(options: ReadonlyMap<string, string>, actor: string): Promise<Offer> {
  await using sight = await seen(options)
  const functions = await sight.portal(sight.member(actor)).describe()
  return functions.filter(({ id }) => PLAIN.test(id)).map(({ id, kind }) => [id, kind === 'stream' ? 'a stream' : ''])
}

async function seen(options: ReadonlyMap<string, string>): Promise<MeshSight> {
  const [mesh, context] = [options.get('mesh'), options.get('context')]
  const { seeMesh } = await import('../mesh-sight.ts')
  return await seeMesh(
    chooseMesh({ ...(mesh === undefined ? {} : { mesh }), ...(context === undefined ? {} : { context }) }),
  )
}

/** Nothing when it fails or takes too long. */
async function inTime(offer: Promise<Offer>): Promise<Offer> {
  const late = new Promise<Offer>((resolve) => setTimeout(resolve, COMPLETION_MS, []).unref())
  const known = await Promise.race([offer.catch((): Offer => []), late])
  return known.slice(0, MAX_COMPLETIONS)
}

/** The subcommands as the shell's words are matched with them. */
function completions(program: Command): Completions {
  const root = tab(program, { completionCommandName: INNER_COMMAND })
  for (const name of [INNER_COMMAND, 'complete']) root.commands.delete(name)
  return root
}
