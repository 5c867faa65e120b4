import { expect, test } from 'vitest'
import { seeded } from '../simulator/rng.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { expectAgreement } from './support/agreement.ts'
import { Laws } from './support/laws.ts'
import { type Member, startMember } from './support/member.ts'
import { storm } from './support/storm.ts'

const runtime = useRuntimeDir()
expectNothingLeft(10_000)

const ROOTS = 16
/** `GREENROOM_STORM_MS` and `GREENROOM_STORM_SEED` ask for a longer storm, or for another one. */
const STORM_MS = Number(process.env['GREENROOM_STORM_MS'] ?? 15_000)
const SEED = Number(process.env['GREENROOM_STORM_SEED'] ?? 1)
/** Roots that start at the same time. */
const STARTING = 2
/** Of a mesh with declared electors. */
const ELECTORS = 5

test.each(['elastic', 'quorum'] as const)(
  `sixteen roots that are killed and frozen at random never show a dead actor for long, and agree in the end: %s, seed ${SEED}`,
  async (mode) => {
    const members: Member[] = []
    const random = seeded(SEED)
    const laws = new Laws({ dead: deadline(2_000), frozen: deadline(5_000), deadArbiter: deadline(5_000) })
    await using stack = new AsyncDisposableStack()
    stack.defer(async () => void (await Promise.all(members.map((member) => member.leave()))))
    const names = Array.from({ length: ROOTS }, (_, i) => `root${i}`)
    const quorum = mode === 'quorum' ? names.slice(0, ELECTORS) : undefined
    const start = async (name: string): Promise<Member> =>
      await startMember({ name, runtimeDir: runtime.path, actors: [`${name}.a`, `${name}.b`], quorum })
    for (let i = 0; i < ROOTS; i += STARTING)
      members.push(...(await Promise.all(names.slice(i, i + STARTING).map(start))))
    const everybody = names.flatMap((name) => [name, `${name}.a`, `${name}.b`])
    await expectAgreement(members, everybody, 10_000)
    for (const member of members) laws.add(member)
    const { events, looks } = await storm({ members, laws, random, ms: STORM_MS, restart: start })
    await expectAgreement(members, everybody, 20_000)
    await Promise.all(members.map((member) => expectFound(member, everybody[Math.floor(random() * everybody.length)]!)))
    // two halves of an elastic mesh may have an arbiter each; so may whoever is frozen, and those that go on without it
    if (mode === 'quorum') laws.checkReigns()
    expect({ broken: laws.broken.slice(0, 20), events: laws.broken.length > 0 ? events : [] }).toEqual({
      broken: [],
      events: [],
    })
    expect(looks).toBeGreaterThan(STORM_MS / 2_000)
    if (process.env['GREENROOM_STORM_MS'] !== undefined)
      console.log(`${events.join('\n')}\n${laws.looked} sights, ${laws.missed} times a healthy root was missed`)
  },
  STORM_MS + 240_000,
)

async function expectFound(member: Member, name: string): Promise<void> {
  const { id, answer } = await member.find(name)
  expect(id).toBeDefined()
  expect(answer).toBe(id)
}
