import { randomBytes } from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { MAX_BAN_REASON, MAX_BANS, openBan, type SignedBan } from '../../discovery/ban.ts'
import { keepLedger, readLedger } from '../../discovery/ledger-file.ts'
import { packNews, unpackNews } from '../../discovery/ledger-messages.ts'
import { KNOWN_MEMBER_MS, Ledger, MAX_FORMER_SECRETS, newLedger, RENEW_MS } from '../../discovery/ledger.ts'
import {
  MAX_ANCESTORS,
  MAX_OVERLAP_MS,
  MAX_ROSTER,
  MIN_OVERLAP_MS,
  openRotation,
  type SignedRotation,
} from '../../discovery/rotation.ts'
import { type Identity, openIdentity } from '../../node/identity.ts'
import { useRuntimeDir } from '../support/runtime-dir.ts'

const runtime = useRuntimeDir()
const mesh = 'studio'
const now = 1_000_000
const secret = new Uint8Array(randomBytes(32))
let ada: Identity
let bob: Identity
let eve: Identity

beforeAll(async () => {
  ;[ada, bob, eve] = (await Promise.all([openIdentity(), openIdentity(), openIdentity()])) as [
    Identity,
    Identity,
    Identity,
  ]
})

const fresh = (): Ledger => newLedger(mesh, secret)
const by = (who: Identity): { id: string; name: string } => ({ id: who.peerId, name: 'one' })
const from = (who: Identity, hasNewest: boolean): { id: string; hasNewest: boolean } => ({ id: who.peerId, hasNewest })
const rotate = (ledger: Ledger, who: Identity, known: Identity[], at = now): SignedRotation =>
  ledger.rotate(
    1_000,
    known.map(({ peerId }) => peerId),
    by(who),
    who,
    at,
  )
const ban = (ledger: Ledger, peer: string, banned = true, who = ada): SignedBan =>
  ledger.ban(peer, 'somebody', banned, '', by(who), who, now)

describe('a ban', () => {
  test('comes to the same whatever the order in which words are heard', () => {
    const [one, two] = [fresh(), fresh()]
    const first = ban(one, eve.peerId)
    two.mergeBan(first)
    const words = [first, ban(two, eve.peerId, false, bob), ban(one, eve.peerId, true), ban(one, eve.peerId, false)]
    for (const order of [words, words.toReversed()]) {
      const ledger = fresh()
      for (const word of order) ledger.mergeBan(word)
      expect(ledger.banOf(eve.peerId)).toBeUndefined()
      expect(ledger.mergeBan(words[0]!)).toBe(false)
    }
  })

  test('that meets the word that takes it back at the same moment stands', () => {
    const one = fresh()
    const word = ban(one, eve.peerId)
    const two = fresh()
    two.mergeBan(word)
    const again = ban(one, eve.peerId, true, ada)
    const back = ban(two, eve.peerId, false, bob)
    one.mergeBan(back)
    two.mergeBan(again)
    expect(one.banOf(eve.peerId)).toEqual(two.banOf(eve.peerId))
    expect(one.banOf(eve.peerId)?.banned).toBe(true)
  })

  test('is signed by who says it, for one mesh', () => {
    const { bytes, signature } = ban(fresh(), eve.peerId)
    expect(openBan(bytes, signature, mesh).ban).toMatchObject({ peer: eve.peerId, by: { id: ada.peerId } })
    expect(() => openBan(bytes, signature, 'other')).toThrow('not of this mesh')
    const changed = bytes.slice()
    changed[changed.length - 20]! ^= 1
    expect(() => openBan(changed, signature, mesh)).toThrow(/./)
    expect(() => openBan(bytes, new Uint8Array(64), mesh)).toThrow('not signed')
  })

  test('beyond MAX_BANS is not made, and words that took one back make room', async () => {
    const ledger = fresh()
    ban(ledger, bob.peerId, false)
    for (let i = 1; i < MAX_BANS; i++) ban(ledger, (await openIdentity()).peerId)
    ban(ledger, eve.peerId)
    expect(ledger.words).toHaveLength(MAX_BANS)
    expect(() => ban(ledger, bob.peerId)).toThrow('are banned')
    expect(() => ledger.ban(eve.peerId, '', true, 'x'.repeat(MAX_BAN_REASON + 1), by(ada), ada, now)).toThrow('reason')
  }, 60_000)
})

describe('a change of the secret', () => {
  test('is told to those who were known when it was made, and to nobody who comes later with the former secret', () => {
    const ledger = fresh()
    ban(ledger, eve.peerId)
    rotate(ledger, ada, [ada, bob, eve])
    expect(ledger.mayKnow(from(bob, false))).toBe(true)
    expect(ledger.mayKnow(from(eve, false))).toBe(false)
    expect(ledger.mayKnow(from(eve, true))).toBe(false)
    ledger.see('somebody new', now)
    expect(ledger.mayKnow({ id: 'somebody new', hasNewest: false })).toBe(false)
    expect(ledger.mayKnow({ id: 'somebody new', hasNewest: true })).toBe(true)
  })

  test('is told by each who had seen somebody before it was made, whoever made it having seen that one or not', () => {
    const [one, two] = [fresh(), fresh()]
    two.see('early', now - 1)
    two.see('early', now + 5)
    two.see('late', now)
    const change = rotate(one, ada, [ada, bob])
    expect(two.mergeRotation(change, from(ada, true), now + 1)).toBe('taken')
    expect(one.mayKnow({ id: 'early', hasNewest: false })).toBe(false)
    expect(two.mayKnow({ id: 'early', hasNewest: false })).toBe(true)
    expect(two.mayKnow({ id: 'late', hasNewest: false })).toBe(false)
    two.see('later', now + 2)
    expect(two.mayKnow({ id: 'later', hasNewest: false })).toBe(false)
  })

  test('is not told to who came after one heard of it, though the clock of whoever made it was ahead', () => {
    const ledger = fresh()
    ledger.see('early', now - 1)
    expect(ledger.mergeRotation(rotate(fresh(), ada, [ada, bob], now + 300_000), from(ada, true), now)).toBe('taken')
    ledger.see('late', now + 10)
    expect(ledger.mayKnow({ id: 'early', hasNewest: false })).toBe(true)
    expect(ledger.mayKnow({ id: 'late', hasNewest: false })).toBe(false)
  })

  test('is not told to who was banned once, though it was seen before, nor to anybody by who joined after it', () => {
    const ledger = fresh()
    ledger.see(eve.peerId, now - 2)
    ban(ledger, eve.peerId)
    expect(ledger.mergeRotation(rotate(fresh(), ada, [ada, bob]), from(ada, true), now)).toBe('taken')
    expect(ledger.mayKnow(from(eve, false))).toBe(false)
    ban(ledger, eve.peerId, false)
    ledger.see(eve.peerId, now + 3)
    expect(ledger.mayKnow(from(eve, false))).toBe(false)
    const { content } = ledger
    const invited = new Ledger(mesh, { ...content, former: [], known: new Map([['early', { since: 1, last: 1 }]]) })
    expect(invited.mayKnow({ id: 'early', hasNewest: false })).toBe(false)
  })

  test('lets the former secret open connections for the overlap, and the door for RENEW_MS', () => {
    const ledger = fresh()
    rotate(ledger, ada, [ada])
    expect(ledger.secrets.map(({ until }) => until)).toEqual([undefined, now + 1_000])
    expect(ledger.doorSecrets(now + RENEW_MS - 1)).toHaveLength(2)
    expect(ledger.doorSecrets(now + RENEW_MS)).toEqual([ledger.newest])
    for (let i = 0; i < 9; i++) rotate(ledger, ada, [ada], now + i)
    expect(ledger.secrets).toHaveLength(1 + MAX_FORMER_SECRETS)
    for (const overlap of [MIN_OVERLAP_MS - 1, MAX_OVERLAP_MS + 1, 1.5])
      expect(() => ledger.rotate(overlap, [], by(ada), ada, now)).toThrow('goes on for')
  })

  test('is taken over, once, and comes to the same where several were made', () => {
    const [one, two] = [fresh(), fresh()]
    const first = rotate(one, ada, [ada, bob])
    expect(two.mergeRotation(first, from(ada, true), now)).toBe('taken')
    expect(two.mergeRotation(first, from(ada, true), now)).toBe('known')
    const mine = rotate(one, ada, [ada, bob], now + 1)
    const theirs = rotate(two, bob, [ada, bob], now + 2)
    expect(one.mergeRotation(theirs, from(bob, false), now)).toBe('taken')
    expect(two.mergeRotation(mine, from(ada, false), now)).toBe('known')
    expect(one.newest).toEqual(two.newest)
    expect(one.secrets).toHaveLength(4)
  })

  test('is not taken from who has a former secret alone', () => {
    const ledger = fresh()
    const evil = fresh()
    rotate(ledger, ada, [ada, bob])
    rotate(evil, eve, [eve], now + 5)
    const later = rotate(evil, eve, [eve], now + 6)
    for (const hasNewest of [true, false])
      expect(ledger.mergeRotation(later, from(eve, hasNewest), now)).toBe('refused')
    // passed on by an honest one that was taken in
    expect(ledger.mergeRotation(rotate(fresh(), eve, [eve], now + 7), from(bob, false), now)).toBe('refused')
    expect(ledger.mergeRotation(rotate(fresh(), bob, [ada, bob], now + 8), from(bob, false), now)).toBe('taken')
  })

  test('is not taken from who is banned, nor when it is by one', () => {
    const ledger = fresh()
    ban(ledger, eve.peerId)
    expect(ledger.mergeRotation(rotate(fresh(), eve, [ada]), from(ada, true), now)).toBe('refused')
    expect(ledger.mergeRotation(rotate(fresh(), ada, [ada]), from(eve, true), now)).toBe('refused')
  })

  test('is found by who missed several, at a door that it chose', () => {
    const ledger = fresh()
    rotate(ledger, ada, [ada, bob])
    const last = rotate(ledger, ada, [ada, bob])
    const away = fresh()
    expect(away.mergeRotation(last, from(ada, false), now)).toBe('refused')
    expect(away.mergeRotation(last, from(ada, false), now, true)).toBe('taken')
    expect(away.newest).toEqual(ledger.newest)
    expect(ledger.hasHad(secret)).toBe(true)
    expect(away.hasHad(new Uint8Array(32))).toBe(false)
  })

  test('is taken by who missed the one before, from who knows the secret that it has', () => {
    const ledger = fresh()
    rotate(ledger, ada, [ada, bob])
    const last = rotate(ledger, ada, [ada, bob, eve], now + 1)
    const behind = fresh()
    expect(behind.isBehind(last.rotation)).toBe(true)
    expect(behind.mergeRotation(last, from(ada, true), now)).toBe('taken')
    expect(behind.isBehind(last.rotation)).toBe(false)
    expect(behind.newest).toEqual(ledger.newest)
    // of a secret before its newest one nothing follows
    const other = fresh()
    rotate(other, bob, [bob], now + 2)
    const evil = fresh()
    rotate(evil, eve, [eve], now + 3)
    expect(other.mergeRotation(rotate(evil, eve, [eve], now + 4), from(ada, true), now)).toBe('refused')
  })

  test('is read as it was signed, and not from a time to come', () => {
    const { bytes, signature, mac, rotation } = rotate(fresh(), ada, [ada])
    expect(openRotation(bytes, signature, mac, mesh, now).rotation).toEqual(rotation)
    expect(() => openRotation(bytes, signature, mac, mesh, now - 3_600_000)).toThrow('clocks')
    expect(() => openRotation(bytes, signature, mac, 'other', now)).toThrow('not of this mesh')
    expect(() => openRotation(bytes, new Uint8Array(64), mac, mesh, now)).toThrow('not signed')
  })

  test('goes to MAX_ROSTER members at most, those that were seen last, within KNOWN_MEMBER_MS', () => {
    const ledger = fresh()
    expect(ledger.see('long ago', now - KNOWN_MEMBER_MS)).toBe(true)
    for (let i = 0; i < MAX_ROSTER + 3; i++) ledger.see(`peer ${i}`, now)
    expect(ledger.see('peer 9', now)).toBe(false)
    const { roster } = rotate(ledger, ada, [ada]).rotation
    expect(roster).toHaveLength(MAX_ROSTER)
    expect(roster).not.toContain('long ago')
    expect(roster).not.toContain('peer 0')
    expect(roster).toContain('peer 9')
  })
})

test('a ledger is kept in a file of this user, and what others wrote meanwhile is not lost', async () => {
  const directory = join(runtime.path, 'kept')
  mkdirSync(directory, { mode: 0o700 })
  const path = join(directory, 'ledger.json')
  const [one, two] = [fresh(), fresh()]
  rotate(one, ada, [ada, bob])
  ban(one, eve.peerId)
  one.see('somebody', now - 9)
  one.see('somebody', now + 9)
  expect(await keepLedger(path, one)).toBe(false)
  expect((await readLedger(path, mesh))?.content.known.get('somebody')).toEqual({ since: now - 9, last: now + 9 })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  ban(two, bob.peerId)
  expect(await keepLedger(path, two)).toBe(true)
  const read = await readLedger(path, mesh)
  expect(read?.newest).toEqual(one.newest)
  expect(read?.banned.map(({ peer }) => peer).sort()).toEqual([bob.peerId, eve.peerId].sort())
  expect(read?.secrets).toHaveLength(2)
})

test('a program that missed many changes takes over what this user has joined by a new invitation meanwhile', async () => {
  const directory = join(runtime.path, 'joined anew')
  mkdirSync(directory, { mode: 0o700 })
  const path = join(directory, 'ledger.json')
  const elsewhere = fresh()
  for (let i = 0; i <= MAX_ANCESTORS; i++) rotate(elsewhere, ada, [ada], now + i)
  const { newest, rotation } = elsewhere
  const former = [{ secret, replacedAt: now, until: now }]
  const joined = new Ledger(mesh, { secret: newest, former, rotation, bans: [], known: new Map() })
  const [running, stranger] = [fresh(), newLedger(mesh, new Uint8Array(randomBytes(32)))]
  expect(running.follow(elsewhere, now)).toBe(false)
  expect(stranger.follow(joined, now)).toBe(false)
  expect([joined.hasHad(secret), elsewhere.hasHad(secret)]).toEqual([true, false])
  await keepLedger(path, joined)
  expect(await keepLedger(path, running)).toBe(true)
  expect(running.newest).toEqual(newest)
  expect(running.follow(joined, now)).toBe(false)
  expect((await readLedger(path, mesh))?.newest).toEqual(newest)
})

test.each([[undefined], [[]], [[1, []]], [[null, [[1, 2]]]], [[[1, 2, 3], []]]])(
  '%j is no news of a ledger',
  (value) => {
    expect(() => unpackNews(value, mesh, now)).toThrow(/./)
    const ledger = fresh()
    const word = ban(ledger, eve.peerId)
    const rotation = rotate(ledger, ada, [ada])
    const { bans, rotation: read } = unpackNews(packNews({ rotation, bans: [word] }), mesh, now)
    expect([bans[0]?.ban, read?.rotation]).toEqual([word.ban, rotation.rotation])
  },
)
