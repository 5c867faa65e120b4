import { eventually } from '../../support/eventually.ts'
import type { Member } from './member.ts'
import type { Sight } from './sight.ts'

/**
 * Waits until members see exactly the same: these actors, one digest, and one of them, or nobody, as the arbiter.
 *
 * @param names of all actors that are alive, in any order
 * @param ms on an idle machine
 */
export async function expectAgreement(
  members: readonly Member[],
  names: readonly string[],
  ms: number,
  arbiter: 'one' | 'none' = 'one',
): Promise<void> {
  const expected = names.toSorted().join(' ')
  await eventually(
    `${members.map(({ name }) => name).join(', ')} agree`,
    async () => {
      const sights = await Promise.all(members.map((member) => member.sight()))
      for (const [i, sight] of sights.entries()) {
        const seen = namesIn(sight)
        if (seen !== expected) throw new Error(`${members[i]?.name} sees ${difference(seen, expected)}`)
      }
      oneOf(
        'digest',
        members,
        sights.map(({ digest }) => digest),
      )
      oneOf(
        'arbiter',
        members,
        sights.map(({ arbiter }) => JSON.stringify(arbiter)),
      )
      const ruler = sights[0]?.arbiter ?? null
      const known = members.some(({ id }) => id === ruler?.id)
      if (arbiter === 'one' ? !known : ruler !== null) throw new Error(`the arbiter is ${JSON.stringify(ruler)}`)
      return true
    },
    ms,
  )
}

export function namesIn({ actors }: Sight): string {
  return actors
    .map(({ name }) => name)
    .toSorted()
    .join(' ')
}

/** Every member finds every name, and whoever is found answers. */
export async function expectFoundEverywhere(members: readonly Member[], names: readonly string[]): Promise<void> {
  for (const member of members) {
    for (const name of names) {
      const { id, answer } = await member.find(name)
      if (id === undefined || answer !== id)
        throw new Error(
          `${member.name} looked ${name} up, found ${id ?? 'nobody'}, and was answered by ${answer ?? 'nobody'}`,
        )
    }
  }
}

function oneOf(what: string, members: readonly Member[], values: readonly string[]): void {
  if (new Set(values).size === 1) return
  throw new Error(
    `there is more than one ${what}: ${values.map((value, i) => `${members[i]?.name} ${value}`).join(', ')}`,
  )
}

function difference(seen: string, expected: string): string {
  const [a, b] = [seen.split(' '), expected.split(' ')]
  const beyond = a.filter((name) => !b.includes(name))
  const missing = b.filter((name) => !a.includes(name))
  return `${beyond.join(' ') || 'nobody'} too many and ${missing.join(' ') || 'nobody'} too few (${a.length} for ${b.length})`
}
