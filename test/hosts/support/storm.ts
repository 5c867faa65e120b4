import { setTimeout as delay } from 'node:timers/promises'
import type { Laws } from './laws.ts'
import type { Member } from './member.ts'
import { monotonic } from './sight.ts'

/** Roots that may be frozen, or starting again, at the same time. */
const MAX_AWAY = 4
/** Milliseconds between two rounds of questions. */
const LOOK_MS = 300

export interface StormOptions {
  readonly members: Member[]
  readonly laws: Laws
  readonly random: () => number
  readonly ms: number
  /** Starts a root again, as another process, in the place of one that was killed. */
  readonly restart: (name: string) => Promise<Member>
}

/** What was done, in order; the same seed gives the same order as long as the mesh answers in the same order. */
export interface Weather {
  readonly events: readonly string[]
  readonly looks: number
}

/**
 * Kills, freezes and thaws roots, and the arbiter above all, at random moments, while every root is asked what it sees. Ends with
 * everybody awake.
 */
export async function storm({ members, laws, random, ms, restart }: StormOptions): Promise<Weather> {
  const events: string[] = []
  const pending = new Set<Promise<void>>()
  const failures: unknown[] = []
  const end = monotonic() + ms
  const note = (what: string): void => void events.push(`${(ms - end + monotonic()).toFixed(0)} ${what}`)
  const track = (work: Promise<void>): void => {
    const tracked = work.catch((error: unknown) => void failures.push(error)).finally(() => pending.delete(tracked))
    pending.add(tracked)
  }
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]

  const killAndRestart = async (victim: Member): Promise<void> => {
    const place = members.indexOf(victim)
    await victim.kill()
    const next = await restart(victim.name)
    laws.add(next)
    members[place] = next
  }
  const freezeFor = async (victim: Member, howLong: number): Promise<void> => {
    victim.freeze()
    await delay(howLong)
    victim.thaw()
  }

  const strike = (): void => {
    // drawn in any case, so that the order of what follows depends on the seed alone
    const [what, long] = [random(), 200 + random() ** 2 * 7_000]
    const awake = members.filter((member) => member.awake)
    if (members.length - awake.length >= MAX_AWAY) return
    const arbiter = awake.find(({ reigns }) => (reigns.at(-1)?.until ?? 0) > monotonic())
    const victim = what < 0.3 ? (arbiter ?? pick(awake)) : pick(awake)
    if (victim === undefined) return
    const title = victim === arbiter ? `${victim.name}, the arbiter` : victim.name
    if (random() < 0.5) {
      note(`kill ${title}`)
      track(killAndRestart(victim))
    } else {
      note(`freeze ${title} for ${long.toFixed(0)} ms`)
      track(freezeFor(victim, long))
    }
  }

  let looks = 0
  const look = async (): Promise<void> => {
    while (monotonic() < end || pending.size > 0) {
      looks++
      const asker = pick(members.filter((member) => member.awake))
      const name = pick(members)?.name
      await Promise.all([
        ...members.map((member) => checkSight(member, laws)),
        ...(asker === undefined || name === undefined ? [] : [checkFound(asker, name, laws)]),
      ])
      await delay(LOOK_MS)
    }
  }

  const strikes = async (): Promise<void> => {
    while (monotonic() < end) {
      await delay(400 + random() * 1_200)
      strike()
    }
  }

  await Promise.all([look(), strikes()])
  await Promise.all(pending)
  if (failures.length > 0) throw new AggregateError(failures, `a root did not start again: ${String(failures[0])}`)
  return { events, looks }
}

/** What a root says is judged by what it could know when it said it; one that was hit meanwhile owes no answer. */
async function checkSight(member: Member, laws: Laws): Promise<void> {
  if (!member.awake) return
  const since = member.awakeSince
  try {
    const sight = await member.sight()
    if (member.awakeSince === since) laws.checkSight(member, sight)
  } catch (error) {
    if (member.awake && member.awakeSince === since) throw error
  }
}

async function checkFound(member: Member, name: string, laws: Laws): Promise<void> {
  const since = member.awakeSince
  const at = monotonic()
  try {
    const found = await member.find(name)
    if (member.awakeSince === since) laws.checkFound(member, at, name, found)
  } catch (error) {
    if (member.awake && member.awakeSince === since) throw error
  }
}
