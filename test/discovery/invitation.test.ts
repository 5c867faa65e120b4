import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  doorKeyOf,
  encodeGrant,
  encodeInvitation,
  type Invitation,
  isGenuine,
  isInvitation,
  MAX_INVITATION_ADDRESSES,
  MAX_INVITATION_CHARACTERS,
  MAX_INVITATION_MS,
  MAX_INVITATION_USES,
  newGrant,
  readGrant,
  readInvitation,
} from '../../discovery/invitation.ts'
import { Invitations, MAX_COUNTED_INVITATIONS } from '../../discovery/invitations.ts'
import { decode } from '../../rpc/codec.ts'
import { eventually } from '../support/eventually.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtime = useRuntimeDir()

const secret = new Uint8Array(randomBytes(32))
const address = '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGj1SUB9VXFtGohS9sKkLMQNtUsmchZ1NVFwkgcm4tCTc'

function invitation(limits: Parameters<typeof newGrant>[2] = {}, addresses: string[] = [address]): Invitation {
  return { ...newGrant(secret, 'studio', limits), doorKey: doorKeyOf(secret), addresses }
}

describe('an invitation', () => {
  test('is one line that says everything again when it is read', () => {
    const made = invitation({ expires: 2_000_000_000_000, uses: 5 })
    const line = encodeInvitation(made)
    expect(line).toMatch(/^greenroom:[\w-]+$/)
    expect(isInvitation(line)).toBe(true)
    expect(readInvitation(` ${line}\n`)).toEqual(made)
  })

  test('holds neither the mesh secret nor anything that it could be had from', () => {
    const line = Buffer.from(encodeInvitation(invitation()).slice('greenroom:'.length), 'base64url')
    expect(line.includes(secret)).toBe(false)
  })

  test.each([
    ['cut', (line: string) => line.slice(0, -3), 'cut or changed'],
    [
      'changed',
      (line: string) => line.slice(0, 40) + (line[40] === 'A' ? 'B' : 'A') + line.slice(41),
      'cut or changed',
    ],
    ['something else', () => 'hello', "begin with 'greenroom:'"],
    ['empty', () => 'greenroom:', 'cut or changed'],
    ['too long', (line: string) => line + 'A'.repeat(MAX_INVITATION_CHARACTERS), 'characters'],
  ])('that was %s is refused, saying so and nothing of what it holds', (_, spoil, why) => {
    const line = encodeInvitation(invitation())
    const read = (): unknown => readInvitation(spoil(line))
    expect(read).toThrow(why)
    expect(read).toThrow(expect.objectContaining({ code: 'BAD_INVITATION' }))
    expect(read).not.toThrow(line.slice(30, 60))
  })

  test('holds 1 to MAX_INVITATION_ADDRESSES addresses', () => {
    const many = Array.from({ length: MAX_INVITATION_ADDRESSES + 1 }, () => address)
    for (const addresses of [[], many]) {
      expect(() => readInvitation(encodeInvitation(invitation({}, addresses)))).toThrow('something else')
    }
  })

  test.each([
    [{ expiresInMs: 999 }],
    [{ expiresInMs: MAX_INVITATION_MS + 1 }],
    [{ expiresInMs: Number.NaN }],
    [{ uses: 0 }],
    [{ uses: 1.5 }],
    [{ uses: MAX_INVITATION_USES + 1 }],
  ])('is not made with %j', async (limits) => {
    await expect(new Invitations('studio', () => secret, runtime.path).issue(limits)).rejects.toThrow('an invitation')
  })
})

describe('a grant', () => {
  test('is genuine for the members of its mesh alone, as it was made', () => {
    const grant = newGrant(secret, 'studio', { expires: 5, uses: 2 })
    expect(isGenuine(secret, readGrant(decode(encodeGrant(grant))))).toBe(true)
    expect(isGenuine(new Uint8Array(randomBytes(32)), grant)).toBe(false)
    for (const changed of [
      { expires: 6 },
      { expires: undefined },
      { uses: 3 },
      { mesh: 'other' },
      { id: 'f'.repeat(32) },
    ])
      expect(isGenuine(secret, { ...grant, ...changed })).toBe(false)
  })

  test.each([
    [null],
    ['x'],
    [[]],
    [['../etc', 'a'.repeat(32), null, null, new Uint8Array(32)]],
    [['m', '../..', 1, 1]],
  ])('is not what %j is', (value) => {
    expect(() => readGrant(value)).toThrow('no invitation')
  })
})

describe('a machine', () => {
  const machine = (mesh = 'studio', its = secret): Invitations => new Invitations(mesh, () => its, runtime.path)

  test('lets in any number by an invitation without limits, also one that another machine made', async () => {
    const grant = newGrant(secret, 'studio', {})
    for (let i = 0; i < 50; i++) expect(await machine().admit(grant, `peer${i}`)).toBeUndefined()
  })

  test('lets in as many as it says, whoever asks at the same moment, and the same one again', async () => {
    const uses = 3
    const grant = await machine().issue({ uses })
    const ask = async (peer: number): Promise<boolean> => (await machine().admit(grant, `peer${peer}`)) === undefined
    const admitted = await Promise.all(Array.from({ length: 20 }, async (_, peer) => await ask(peer)))
    expect(admitted.filter(Boolean)).toHaveLength(uses)
    expect(await ask(admitted.indexOf(true))).toBe(true)
    expect(await machine().admit(grant, 'late')).toContain('3 times already')
  })

  test('refuses one that has expired, of another mesh, of another secret, or counted elsewhere, and says why', async () => {
    const brief = await machine().issue({ expiresInMs: 1_000 })
    expect(await machine().admit(brief, 'peer')).toBeUndefined()
    await eventually('it expires', async () => (await machine().admit(brief, 'peer'))?.includes('expired') === true)
    const other = new Uint8Array(randomBytes(32))
    expect(await machine('studio', other).admit(newGrant(secret, 'studio', {}), 'peer')).toContain(
      'not one of this mesh',
    )
    expect(await machine('other').admit(newGrant(secret, 'studio', {}), 'peer')).toContain('not one of this mesh')
    expect(await machine().admit(newGrant(secret, 'studio', { uses: 2 }), 'peer')).toContain('machine that made it')
  })

  test('counts MAX_COUNTED_INVITATIONS at a time; those that have expired make room', async () => {
    const studio = machine()
    const brief = await studio.issue({ uses: 1, expiresInMs: 1_000 })
    for (let i = 1; i < MAX_COUNTED_INVITATIONS; i++) await studio.issue({ uses: 1 })
    await eventually('one has expired', () => Date.now() >= brief.expires!)
    await studio.issue({ uses: 1 })
    await expect(studio.issue({ uses: 1 })).rejects.toMatchObject({ code: 'TOO_MANY_INVITATIONS' })
  })
})
