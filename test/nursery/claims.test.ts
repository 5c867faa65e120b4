import { describe, expect, test } from 'vitest'
import {
  cancelScope,
  claim,
  compareFencingTokens,
  currentActor,
  DeadlineExceeded,
  failAfter,
  FencedOut,
  getArbiter,
  InvalidArgument,
  joinMesh,
  LimitExceeded,
  moveOnAfter,
  NameTaken,
  openNursery,
  type Portal,
  RemoteActorError,
  run,
  sleep,
  waitForActor,
} from '../../index.ts'
import { MAX_CLAIM_NAME_BYTES, MAX_CLAIMS, MAX_CLAIMS_PER_ACTOR, MAX_CLAIMS_WAITING } from '../../discovery/claim.ts'
import { profiles } from '../../discovery/profile.ts'
import { eventually } from '../support/eventually.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'
import { deadline } from '../support/headroom.ts'
import { type Program, startProgram } from '../support/program.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'
import { check, claiming, isHeld, processId, release, take } from './fixtures/claiming.ts'

useRuntimeDir()
expectNothingLeft()

const { claimLease, lease } = profiles.loopback
const program = new URL('./fixtures/claim-program.ts', import.meta.url)

let programs: Program[] = []

async function startInMesh(name: string, child = '', quorum?: string): Promise<Program> {
  const root = await startProgram(program, { args: ['claims', name, child], env: { GREENROOM_QUORUM: quorum } })
  programs.push(root)
  await root.waitForLine(/^joined/)
  return root
}

/** A root in a process of its own, its portal, and one to its child when that is named. */
async function startRoot(
  name: string,
  child = '',
  quorum?: string,
): Promise<{ program: Program; portal: Portal; child: Portal }> {
  const root = await startInMesh(name, child, quorum)
  const portal = await failAfter(deadline(10_000), () => waitForActor(name))
  return { program: root, portal, child: child === '' ? portal : await waitForActor(child) }
}

/** Runs a test as a root of the mesh of the programs, which end with it. */
async function inMesh(body: () => Promise<void>, quorum?: readonly string[]): Promise<void> {
  try {
    await using _mesh = await joinMesh({
      mesh: 'claims',
      name: 'test',
      ...(quorum === undefined ? {} : { arbiter: { quorum } }),
    })
    await body()
  } finally {
    for (const root of programs) for (const signal of ['SIGCONT', 'SIGTERM'] as const) root.kill(signal)
    for (const root of programs) await root.waitForExit()
    programs = []
  }
}

async function millisecondsOf(work: Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work
  return performance.now() - from
}

describe('a claimed name', () => {
  test('is held at once in a mesh of one, and free again when its block ends', async () => {
    await run(async () => {
      const tokens = []
      for (let times = 0; times < 2; times++) {
        await using crown = await claim('crown')
        crown.check()
        expect(crown).toMatchObject({ name: 'crown', held: true, signal: { aborted: false } })
        tokens.push(crown.token)
      }
      const [first, second] = tokens
      expect(compareFencingTokens(first!, second!)).toBeLessThan(0)
      expect(first).toMatchObject({ term: 1, serial: 1 })
    })
  })

  test('that was given up is held no more, and says so', async () => {
    await run(async () => {
      const crown = await claim('crown')
      await crown.release()
      await crown.release()
      expect(crown.held).toBe(false)
      expect(crown.signal.reason).toBeInstanceOf(FencedOut)
      expect(() => crown.check()).toThrow("the name 'crown' was given up")
    })
  })

  test('is waited for in line, and given up in its turn', async () => {
    await run(async () => {
      const order: number[] = []
      await openNursery((nursery) => {
        for (let index = 0; index < 5; index++) {
          nursery.start(async () => {
            await using _crown = await claim('crown')
            order.push(index)
            await sleep(5)
          })
        }
      })
      expect(order).toEqual([0, 1, 2, 3, 4])
    })
  })

  test('is not waited for when that is not wanted: the error names the holder', async () => {
    await run(
      async () => {
        await using _crown = await claim('crown')
        const second = claim('crown', { wait: false })
        await expect(second).rejects.toBeInstanceOf(NameTaken)
        await expect(second).rejects.toMatchObject({ code: 'NAME_TAKEN', holder: { name: 'king' }, claimName: 'crown' })
        await expect(second).rejects.toThrow(/the name 'crown' is held by king/)
      },
      { name: 'king' },
    )
  })

  test('waits no longer than its scope', async () => {
    await run(async () => {
      await using crown = await claim('crown')
      const waiting = failAfter(50, () => claim('crown'))
      await expect(waiting).rejects.toBeInstanceOf(DeadlineExceeded)
      await expect(waiting).rejects.toThrow("while waiting for the name 'crown'")
      await crown.release()
      // whoever left the line is not granted what it waited for
      await using _again = await claim('crown', { wait: false })
    })
  })

  test('cancels the work that runs by it when it is lost', async () => {
    await run(async () => {
      const crown = await claim('crown')
      const { value } = await moveOnAfter(deadline(2_000), async () => {
        const work = crown.run(() => sleep(60_000))
        await crown.release()
        return await work.catch((error: unknown) => error)
      })
      expect(value).toBeInstanceOf(FencedOut)
    })
  })

  test('lets work end that runs by it, and passes its failure on', async () => {
    await run(async () => {
      await using crown = await claim('crown')
      expect(await crown.run(() => 7)).toBe(7)
      await expect(crown.run(() => Promise.reject(new RangeError('of its own')))).rejects.toBeInstanceOf(RangeError)
      const outer = await cancelScope(async (scope) => {
        scope.cancel('from above')
        await crown.run(() => sleep(60_000))
      })
      expect(outer.cancelled).toBe(true)
    })
  })

  test('is bounded in its length and number', async () => {
    await run(async () => {
      for (const bad of ['', 'x'.repeat(MAX_CLAIM_NAME_BYTES + 1), 7 as never])
        await expect(claim(bad)).rejects.toBeInstanceOf(InvalidArgument)
      await expect(claim('crown', { wait: 1 as never })).rejects.toThrow('claim takes { wait: true or false }')
      const claims = await Promise.all(Array.from({ length: MAX_CLAIMS_PER_ACTOR }, (_, index) => claim(`n${index}`)))
      await expect(claim('one more')).rejects.toBeInstanceOf(LimitExceeded)
      await expect(claim('one more')).rejects.toThrow(`holds or waits for ${MAX_CLAIMS_PER_ACTOR} names`)
      for (const held of claims) await held.release()
      await using _fits = await claim('x'.repeat(MAX_CLAIM_NAME_BYTES))
    })
    expect({ MAX_CLAIMS, MAX_CLAIMS_WAITING }).toEqual({ MAX_CLAIMS: 10_000, MAX_CLAIMS_WAITING: 1_000 })
  })

  test('is claimed by an actor at any depth, and free as soon as that has ended', async () => {
    await run(() =>
      openNursery(async (nursery) => {
        const child = await nursery.startActor('child', { modules: [claiming] })
        await child.run(take, 'crown')
        await expect(claim('crown', { wait: false })).rejects.toThrow(/held by child/)
        const waiting = claim('crown')
        await child.cancelActor()
        await using _crown = await failAfter(deadline(1_000), () => waiting)
      }),
    )
  })

  test('needs an actor', async () => {
    await expect(claim('crown')).rejects.toMatchObject({ code: 'NO_ACTOR' })
  })
})

describe('of several roots', () => {
  test('one holds a name; when it is killed, the next one does within two seconds', () =>
    inMesh(async () => {
      const king = await startRoot('king')
      const heir = await startRoot('heir')
      const first = await king.portal.run(take, 'crown')
      await expect(heir.portal.run(take, 'crown', false)).rejects.toThrow(/held by king/)
      const waiting = heir.portal.run(take, 'crown')
      king.program.kill('SIGKILL')
      expect(await millisecondsOf(waiting)).toBeLessThan(deadline(2_000))
      expect((await waiting) > first).toBe(true)
    }))

  test('a child holds a name; when it is killed, the next one does within a second', () =>
    inMesh(async () => {
      const king = await startRoot('king', 'prince')
      const heir = await startRoot('heir')
      await king.child.run(take, 'crown')
      const waiting = heir.portal.run(take, 'crown')
      process.kill(await king.child.run(processId), 'SIGKILL')
      expect(await millisecondsOf(waiting)).toBeLessThan(deadline(1_000))
    }))

  test('when the arbiter is killed, holders keep their names, and none is granted twice', async () => {
    // the first root of a mesh is its arbiter
    const arbiter = await startInMesh('arbiter')
    await inMesh(async () => {
      expect((await getArbiter()).portal.name).toBe('arbiter')
      const [king, queen] = [await startRoot('king', 'prince'), await startRoot('queen')]
      const first = await king.child.run(take, 'crown')
      await queen.portal.run(take, 'orb')
      arbiter.kill('SIGKILL')
      let granted = false
      const waiting = claim('crown').finally(() => (granted = true))
      const until = performance.now() + claimLease + 2 * lease
      while (performance.now() < until) {
        expect(granted).toBe(false)
        expect(await king.child.run(isHeld, 'crown')).toBe(true)
        expect(await queen.portal.run(isHeld, 'orb')).toBe(true)
        await sleep(100)
      }
      await king.child.run(release, 'crown')
      await using crown = await failAfter(deadline(2_000), () => waiting)
      expect(crown.token.order > first).toBe(true)
      expect(crown.token.term).toBeGreaterThan(1)
    })
  })

  test('a stopped holder loses its name after its lease, and learns it as soon as it goes on', () =>
    inMesh(async () => {
      const king = await startRoot('king')
      const heir = await startRoot('heir')
      const first = await king.portal.run(take, 'crown')
      const waiting = heir.portal.run(take, 'crown')
      const stopped = performance.now()
      king.program.kill('SIGSTOP')
      const second = await failAfter(deadline(claimLease + 3_000), () => waiting)
      // the lease was renewed a renewal before the stop at the earliest
      expect(performance.now() - stopped).toBeGreaterThan(claimLease - profiles.loopback.claimRenew)
      expect(second > first).toBe(true)
      king.program.kill('SIGCONT')
      const checked = await king.portal.run(check, 'crown').catch((error: unknown) => error)
      expect(checked).toBeInstanceOf(RemoteActorError)
      expect((checked as RemoteActorError).cause).toBeInstanceOf(FencedOut)
      expect(await heir.portal.run(isHeld, 'crown')).toBe(true)
    }))

  test('of declared electors, a holder without a majority loses its name, and gets it again with one', async () => {
    const names = ['king', 'queen', 'jack']
    await inMesh(async () => {
      const [king, queen, jack] = await Promise.all(names.map((name) => startRoot(name, '', names.join())))
      const first = await king!.portal.run(take, 'crown')
      for (const one of [queen, jack]) one!.program.kill('SIGSTOP')
      const lost = async (): Promise<boolean> =>
        await king!.portal.run(check, 'crown').then(
          () => false,
          ({ cause }: RemoteActorError) => cause instanceof FencedOut,
        )
      await eventually('the name is lost', lost, claimLease + 2 * lease)
      await expect(moveOnAfter(200, () => claim('crown'))).resolves.toMatchObject({ cancelled: true })
      for (const one of [queen, jack]) one!.program.kill('SIGCONT')
      const second = await failAfter(deadline(20_000), () => king!.portal.run(take, 'crown'))
      expect(second > first).toBe(true)
    }, names)
  })

  test('many actors of many roots have a name one after the other', () =>
    inMesh(async () => {
      const roots = [await startRoot('a', 'a1'), await startRoot('b', 'b1'), await startRoot('c', 'c1')]
      const actors = roots.flatMap(({ portal, child }) => [portal, child])
      const tokens: string[] = []
      await Promise.all(
        actors.map(async (portal) => {
          for (let times = 0; times < 3; times++) {
            const token = await portal.run(take, 'crown')
            tokens.push(token)
            await portal.run(release, 'crown')
          }
        }),
      )
      expect(tokens).toHaveLength(18)
      expect(tokens).toEqual(tokens.toSorted())
      await eventually('nobody holds it any more', async () => {
        await using crown = await claim('crown', { wait: false })
        return crown.held
      })
      expect(currentActor().name).toBe('test')
    }))
})
