import { inspect } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'

/** What an actor says of itself beside its name and modules; part of its signed record. */
export interface Metadata {
  /** Words to be selected by, sorted, each once. */
  readonly tags?: readonly string[]
  /** Names of the groups that it is a member of, sorted, each once. */
  readonly groups?: readonly string[]
  /** Of the program that it runs. */
  readonly version?: string
}

/** What can be said of an actor when it is started. */
export interface MetadataOptions {
  /**
   * Words that look-ups select by, at most 32 of 1 to 128 bytes: what a machine has, where it stands, what it is for.
   * A pair is written as one word, `zone=eu`. Default none.
   */
  readonly tags?: readonly string[]
  /** Groups that the actor is a member of as long as it lives, at most 16 of 1 to 128 bytes; default none. */
  readonly groups?: readonly string[]
  /** Version of the program, free text of at most 64 bytes; default the parent's. */
  readonly version?: string
}

/** Tags of one actor. */
export const MAX_TAGS = 32
/** UTF-8 bytes of a tag. */
export const MAX_TAG_BYTES = 128
/** Groups that one actor is a member of. */
export const MAX_GROUPS = 16
/** UTF-8 bytes of the name of a group. */
export const MAX_GROUP_BYTES = 128
/** UTF-8 bytes of a program's version. */
export const MAX_VERSION_BYTES = 64

/**
 * Checks what was said of an actor and puts it in order; what was left out stays so.
 *
 * @throws InvalidArgument with the path to what cannot be used
 */
export function checkMetadata({ tags, groups, version }: MetadataOptions): Metadata {
  return {
    ...(tags === undefined ? {} : { tags: checkTags(tags) }),
    ...(groups === undefined ? {} : { groups: checkWords('groups', groups, MAX_GROUPS, MAX_GROUP_BYTES) }),
    ...(version === undefined ? {} : { version: checkWord('version', version, MAX_VERSION_BYTES) }),
  }
}

/** @throws InvalidArgument with the path to what cannot be used */
export function checkTags(tags: readonly string[], path = 'tags'): readonly string[] {
  return checkWords(path, tags, MAX_TAGS, MAX_TAG_BYTES)
}

/** @throws InvalidArgument when it is no name of a group */
export function checkGroup(group: string, path = 'group'): string {
  return checkWord(path, group, MAX_GROUP_BYTES)
}

function checkWords(path: string, words: readonly string[], most: number, mostBytes: number): readonly string[] {
  if (!Array.isArray(words)) throw new InvalidArgument(`${path} is a list of strings, got ${show(words)}`)
  if (words.length > most) throw new InvalidArgument(`${path} has ${words.length} entries, at most ${most} are allowed`)
  for (let index = 0; index < words.length; index++) checkWord(`${path}[${index}]`, words[index], mostBytes)
  return [...new Set(words as readonly string[])].toSorted()
}

function checkWord(path: string, word: unknown, mostBytes: number): string {
  if (typeof word === 'string' && word !== '' && word.isWellFormed() && Buffer.byteLength(word) <= mostBytes)
    return word
  throw new InvalidArgument(`${path} is a string of 1 to ${mostBytes} bytes, got ${show(word)}`)
}

function show(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 64, breakLength: Infinity }).slice(0, 200)
}
