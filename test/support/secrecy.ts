import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'

/** Bytes of a secret that nobody may see in a row. */
const PART = 8

/** How a secret could be written down: whole or in part, as text, or as bytes and numbers are printed. */
export function formsOf(secret: Buffer): string[] {
  const whole = [secret.toString('latin1'), secret.toString('base64'), secret.toString('base64url')]
  const parts = Array.from({ length: secret.length / PART }, (_, i) => secret.subarray(i * PART, (i + 1) * PART))
  return [
    ...whole.map((text) => text.replace(/=+$/, '')),
    ...parts.flatMap((part) => [
      part.toString('hex'),
      inspect(part).slice('<Buffer '.length, -1),
      [...part].join(', '),
      [...part].join(','),
    ]),
  ]
}

/** What of an invitation would let somebody in, in parts. */
export function partsOf(invitation: string): string[] {
  const inside = invitation.trim().slice('greenroom:'.length)
  return Array.from({ length: Math.floor(inside.length / 24) }, (_, i) => inside.slice(i * 24, (i + 1) * 24))
}

/** @throws Error naming where it was found, and in which form */
export function expectKept(secrets: readonly string[], places: ReadonlyMap<string, string>): void {
  for (const [place, text] of places)
    for (const [i, secret] of secrets.entries())
      if (text.includes(secret)) throw new Error(`${place} has form ${i} of what is secret: ${around(text, secret)}`)
}

/** What others of this machine can read of processes: command lines, and environments as far as they are told. */
export function shownOf(pids: readonly number[], files: readonly ('cmdline' | 'environ')[]): Map<string, string> {
  const shown = new Map<string, string>()
  for (const pid of pids)
    for (const file of files) {
      try {
        shown.set(`/proc/${pid}/${file}`, readFileSync(`/proc/${pid}/${file}`, 'latin1'))
      } catch {
        // it has ended meanwhile
      }
    }
  return shown
}

/** All below a directory that somebody else could get at: by what it may be read, and its path. */
export function openToOthers(directory: string): string[] {
  const all = [
    directory,
    ...readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name)),
  ]
  return all
    .map((path) => ({ path, stat: statSync(path) }))
    .filter(({ stat }) => (stat.mode & 0o777) !== (stat.isDirectory() ? 0o700 : 0o600))
    .map(({ path, stat }) => `${(stat.mode & 0o777).toString(8)} ${path}`)
}

function around(text: string, found: string): string {
  const at = text.indexOf(found)
  return JSON.stringify(text.slice(Math.max(0, at - 80), at + found.length + 20))
}
