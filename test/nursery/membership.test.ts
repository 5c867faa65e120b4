import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  acceptInvitation,
  bannedMembers,
  banMember,
  currentActor,
  discovery,
  type DiscoveryEvent,
  findActor,
  invite,
  joinMesh,
  observeMesh,
  rotateSecret,
  unbanMember,
  waitForActor,
} from '../../index.ts'
import { MAX_ANCESTORS } from '../../discovery/rotation.ts'
import { startHost } from '../../node/host.ts'
import { openIdentity } from '../../node/identity.ts'
import { askFor, rest, whoAmI } from '../hosts/fixtures/member-program.ts'
import { type Member, shareSecret, startMember } from '../hosts/support/member.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { within } from '../support/within.ts'

const runtime = useRuntimeDir()
expectNothingLeft()

const listen = ['/ip4/127.0.0.1/tcp/0']

/** Machines with nothing in common but the secret of a mesh. */
function machines(count: number): { readonly paths: readonly string[]; readonly secret: Uint8Array } {
  const paths = Array.from({ length: count }, (_, i) => join(runtime.path, `machine${i}`))
  for (const path of paths) mkdirSync(path, { mode: 0o700 })
  const secret = new Uint8Array(randomBytes(32))
  shareSecret('hosts', paths, secret)
  return { paths, secret }
}

/** Runs this process as a root on a machine. */
async function operate(path: string, act: () => Promise<void>): Promise<void> {
  await on(path, async () => {
    await using _mesh = await joinMesh({ mesh: 'hosts', name: 'operator', listen })
    await act()
  })
}

/** Has this process look for its files as on a machine. */
async function on(path: string, act: () => Promise<void>): Promise<void> {
  const before = { ...process.env }
  Object.assign(process.env, { XDG_RUNTIME_DIR: path, XDG_STATE_HOME: join(path, 'state') })
  try {
    await act()
  } finally {
    process.env = before
  }
}

const directoryOf = (path: string): string => join(path, `greenroom-${process.getuid?.()}`, 'hosts')
const secretOf = (path: string): Buffer => readFileSync(join(directoryOf(path), 'secret'))

async function startOn(runtimeDir: string, name: string, actors: string[] = [], allowSpawn = false): Promise<Member> {
  const join = currentActor().addresses.filter((address) => address.includes('/tcp/'))
  const identity = 'kept'
  return await startMember({ name, runtimeDir, actors, startMethod: 'process', identity, listen, join, allowSpawn })
}

async function sees(member: Member, name: string): Promise<boolean> {
  return (await member.sight()).actors.some((actor) => actor.name === name)
}

describe('rotateSecret', () => {
  test('changes the secret of a live mesh: calls go on, actors of all ages dial by the new one, who was away comes back', async () => {
    const { paths, secret } = machines(3)
    const [here = '', there = '', elsewhere = ''] = paths
    await operate(here, async () => {
      const one = await startOn(there, 'one', ['called', 'uncalled'])
      const away = await startOn(elsewhere, 'away', ['asleep'])
      const called = await waitForActor('called')
      await waitForActor('asleep')
      let ended = false
      const call = called
        .run(rest)
        .catch(() => {})
        .finally(() => (ended = true))
      await eventually('the frozen one was seen by all', async () => await sees(one, 'away'))
      away.freeze()
      const { told, epoch } = await rotateSecret({ overlapMs: 1_000 })
      expect({ told, epoch }).toEqual({ told: ['one'], epoch: 1 })
      await eventually('the other machine keeps the new one', () => secretOf(there).equals(secretOf(here)))
      expect(secretOf(here).equals(secret)).toBe(false)
      expect(secretOf(elsewhere).equals(secret)).toBe(true)
      for (const path of [here, there])
        for (const file of readdirSync(directoryOf(path)).filter((name) => !/^(roots|keys|invitations)$/.test(name)))
          expect([file, statSync(join(directoryOf(path), file)).mode & 0o777]).toEqual([file, 0o600])

      const outsider = await startHost({ identity: await openIdentity(), secret })
      const { id, addresses } = currentActor()
      await eventually('the former secret opens nothing', async () => {
        const met = await outsider.connect(id, addresses).catch(() => undefined)
        met?.abort(new Error('that was all'))
        return met === undefined
      })
      await outsider.stop()
      // neither of them has been dialled from here before
      const uncalled = await waitForActor('uncalled')
      expect(await uncalled.run(whoAmI)).toBe(uncalled.id)
      const { id: young } = await one.startActor('young', 'process')
      expect(await (await waitForActor('young')).run(whoAmI)).toBe(young)
      expect(ended).toBe(false)

      away.thaw()
      await eventually('who was away has the new secret', () => secretOf(elsewhere).equals(secretOf(here)), 30_000)
      await eventually('and is back', async () => (await sees(one, 'asleep')) && (await sees(away, 'young')), 30_000)
      expect((await away.find('young')).answer).toBe(young)
      expect((await (await waitForActor('asleep')).run(whoAmI)).length).toBeGreaterThan(0)
      await one.leave()
      await away.leave()
      await call
    })
  })

  test('reaches actors of every kind, on every host, processes that wait, and who observes', async () => {
    const { paths, secret } = machines(3)
    const [here = '', there = '', elsewhere = ''] = paths
    await operate(here, async () => {
      const host = await startOn(elsewhere, 'host', [], true)
      const one = await startOn(there, 'one')
      await eventually('its host is known', async () => await sees(one, 'host'))
      const kinds = [['process'], ['thread'], ['warm'], ['process', 'host']] as const
      for (const [i, [method, on]] of kinds.entries()) await one.startActor(`old ${i}`, method, on)
      await using observer = await observeMesh({ mesh: 'hosts' })
      const heard: string[] = []
      const following = (async () => {
        for await (const event of observer.events()) {
          if (event.type === 'rotated') heard.push(event.type)
          if (event.type === 'up' && event.actor.name.startsWith('young')) heard.push(event.actor.name)
          if (event.type === 'up' && event.actor.name === 'young 3') return
        }
      })()
      await eventually('the observer sees them', async () => (await observer.members()).length === 7)

      await rotateSecret({ overlapMs: 1_000 })
      for (const path of [there, elsewhere])
        await eventually('its machine keeps the new one', () => secretOf(path).equals(secretOf(here)))
      await eventually('the former one opens nothing', async () => {
        const outsider = await startHost({ identity: await openIdentity(), secret })
        const met = await outsider.connect(currentActor().id, currentActor().addresses).catch(() => undefined)
        await outsider.stop()
        return met === undefined
      })
      // some wait since before the change, others are started after it
      for (const [i, [method, on]] of kinds.entries()) await one.startActor(`young ${i}`, method, on)
      // nobody of these has dialled another one before
      const names = kinds.flatMap((_, i) => [`old ${i}`, `young ${i}`])
      for (const [i, name] of names.entries()) {
        const other = names[(i + 3) % names.length]!
        const portal = await waitForActor(name)
        expect(await within(`${name} reaches ${other}`, portal.run(askFor, other))).toBe((await waitForActor(other)).id)
      }
      // the observer has to dial for this: it has asked none of them before
      for (const member of (await observer.members()).filter(({ name }) => names.includes(name)))
        expect(await observer.portal(member).call('member#whoAmI')).toBe(member.id)
      await within('what the observer followed', following)
      expect(heard).toEqual(['rotated', 'young 0', 'young 1', 'young 2', 'young 3'])
      await one.leave()
      await host.leave()
    })
  })
})

describe('banMember', () => {
  test('cuts a member off everywhere, over restarts, until unbanMember lets it back', async () => {
    const { paths } = machines(3)
    const [here = '', there = '', elsewhere = ''] = paths
    await operate(here, async () => {
      const [first, ill] = await Promise.all([startOn(there, 'one', ['ann']), startOn(elsewhere, 'ill', ['its child'])])
      let one = first
      await eventually('all see all', async () => (await sees(one, 'its child')) && (await sees(ill, 'ann')))
      const events: DiscoveryEvent[] = []
      const hear = async (): Promise<void> => {
        for await (const event of discovery.events()) {
          if (event.type === 'banned' || event.type === 'unbanned') events.push(event)
          if (event.type === 'unbanned') return
        }
      }
      const listening = hear()
      const call = (await waitForActor('its child')).run(rest).catch((error: unknown) => error)
      const { member, told } = await banMember('ill', { why: 'it was stolen' })
      expect(member).toMatchObject({ id: ill.id, name: 'ill', why: 'it was stolen', by: { name: 'operator' } })
      expect(told).toContain('one')
      expect(bannedMembers()).toEqual([member])
      expect(await call).toMatchObject({ code: 'ACTOR_DIED' })
      expect(await findActor('its child')).toBeUndefined()
      await eventually('it is gone', async () => !(await sees(one, 'ill')) && !(await sees(one, 'its child')))
      await eventually('it is alone', async () => !(await sees(ill, 'operator')) && !(await sees(ill, 'one')), 30_000)

      await Promise.all([one.leave(), ill.kill()])
      one = await startOn(there, 'one', ['ann'])
      const again = await startMember({
        name: 'ill',
        runtimeDir: elsewhere,
        identity: 'kept',
        listen,
        join: one.addresses.filter((address) => address.includes('/tcp/')),
      })
      expect(again.id).toBe(ill.id)
      expect(await sees(again, 'one')).toBe(false)
      expect(await sees(one, 'ill')).toBe(false)

      await unbanMember('ill')
      await listening
      expect(events.map(({ type }) => type)).toEqual(['banned', 'unbanned'])
      await eventually('it is back', async () => (await sees(one, 'ill')) && (await sees(again, 'operator')), 30_000)
      await again.leave()
      await one.leave()
    })
  })

  test('with a change of the secret, who is banned does not get the new one', async () => {
    const { paths, secret } = machines(2)
    const [here = '', elsewhere = ''] = paths
    await operate(here, async () => {
      const ill = await startOn(elsewhere, 'ill')
      await eventually('it is there', async () => await sees(ill, 'operator'))
      await expect(banMember('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_MEMBER' })
      await expect(banMember('operator')).rejects.toThrow('cannot ban itself')
      await banMember(ill.id)
      await rotateSecret({ overlapMs: 1_000 })
      await eventually('it is alone', async () => !(await sees(ill, 'operator')), 30_000)
      expect(secretOf(elsewhere).equals(secret)).toBe(true)
      await ill.kill()
      const other = await startMember({
        name: 'other',
        runtimeDir: elsewhere,
        listen,
        join: [...currentActor().addresses],
      })
      expect(await sees(other, 'operator')).toBe(false)
      await eventually('it was refused', () => other.output.includes('was not known here'), 20_000)
      expect(secretOf(elsewhere).equals(secret)).toBe(true)
      await other.leave()
      await on(elsewhere, async () => {
        const message = expect.stringContaining("'greenroom invite --mesh hosts'")
        const addresses = [...currentActor().addresses]
        const looking = observeMesh({ mesh: 'hosts', join: addresses })
        await expect(looking).rejects.toMatchObject({ code: 'SECRET_CHANGED', message })
      })
    })
  })
})

test('who comes with the former secret during the overlap is there for that time, and hears that it needs an invitation', async () => {
  const { paths, secret } = machines(2)
  const [here = '', elsewhere = ''] = paths
  await operate(here, async () => {
    await rotateSecret({ overlapMs: 60_000 })
    const addresses = currentActor().addresses.filter((address) => address.includes('/tcp/'))
    const advice = "'greenroom invite --mesh hosts'"
    const late = await startMember({ name: 'late', runtimeDir: elsewhere, listen, join: addresses })
    await eventually('it is there by the former secret', async () => await sees(late, 'operator'), 20_000)
    await eventually('it hears that it is not told', () => late.output.includes(advice), 20_000)
    await on(elsewhere, async () => {
      // by the former secret, as long as that opens connections
      await using observer = await observeMesh({ mesh: 'hosts', join: addresses })
      expect((await observer.members()).length).toBeGreaterThan(0)
    })
    expect(secretOf(elsewhere).equals(secret)).toBe(true)
    await late.leave()
  })
})

test('a machine that was away for more changes of the secret than are remembered joins again by a new invitation', async () => {
  const { paths } = machines(1)
  const [here = ''] = paths
  const elsewhere = join(runtime.path, 'joined')
  mkdirSync(elsewhere, { mode: 0o700 })
  await operate(here, async () => {
    const addresses = currentActor().addresses.filter((address) => address.includes('/tcp/'))
    const joinAndLook = async (invitation: string): Promise<void> =>
      await on(elsewhere, async () => {
        await acceptInvitation(invitation)
        await using observer = await observeMesh({ mesh: 'hosts' })
        expect((await observer.members()).map(({ name }) => name)).toEqual(['operator'])
      })
    await joinAndLook(await invite('hosts', { addresses }))
    for (let i = 0; i <= MAX_ANCESTORS; i++) await rotateSecret({ overlapMs: 1_000 })
    await on(elsewhere, async () => {
      await expect(observeMesh({ mesh: 'hosts' })).rejects.toMatchObject({ code: 'SECRET_CHANGED' })
    })
    await joinAndLook(await invite('hosts', { addresses }))
  })
})

test('roots are met at a name, whoever they are, and again when others answer there', async () => {
  const { paths } = machines(3)
  const [here = '', there = '', elsewhere = ''] = paths
  await operate(here, async () => {
    const portOf = (addresses: readonly string[]): string => /\/tcp\/(\d+)/.exec(addresses.join(' '))?.[1] ?? ''
    const port = portOf(currentActor().addresses)
    const first = await startMember({
      name: 'first',
      runtimeDir: there,
      listen,
      join: [`/dns4/localhost/tcp/${port}`],
    })
    await eventually('it has met who is there', async () => await sees(first, 'operator'))
    const place = `/ip4/127.0.0.1/tcp/${portOf(first.addresses)}`
    const early = await startMember({ name: 'early', runtimeDir: elsewhere, listen, join: [place] })
    await eventually('an address will do', async () => await sees(early, 'operator'))
    await first.leave()
    // somebody else, with another peer id, at the same place
    const second = await startMember({ name: 'second', runtimeDir: there, listen: [place], join: [] })
    await eventually(
      'the newcomer is met',
      async () => (await sees(early, 'second')) && (await sees(second, 'operator')),
      30_000,
    )
    await early.leave()
    await second.leave()
  })
})
