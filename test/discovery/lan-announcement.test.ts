import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { LAN_ANNOUNCEMENT_BYTES, openAnnouncement, sealAnnouncement } from '../../discovery/lan-announcement.ts'

const secret = randomBytes(32)
const announcement = { peerId: '12D3KooWSelf', addrs: ['/ip4/192.0.2.1/tcp/4001', '/ip4/192.0.2.2/tcp/4001'] }

test('an announcement is read by who has the secret, and by nobody else', () => {
  const sealed = sealAnnouncement(announcement, secret)
  expect(openAnnouncement(sealed, secret)).toEqual(announcement)
  expect(openAnnouncement(sealed, randomBytes(32))).toBeUndefined()
})

test('an announcement that was changed, cut or made up is none', () => {
  const sealed = sealAnnouncement(announcement, secret)
  for (const at of [0, 20, sealed.length - 1]) {
    const changed = Buffer.from(sealed)
    changed[at]! ^= 1
    expect(openAnnouncement(changed, secret)).toBeUndefined()
  }
  expect(openAnnouncement(sealed.subarray(0, -1), secret)).toBeUndefined()
  expect(openAnnouncement(randomBytes(sealed.length), secret)).toBeUndefined()
  expect(openAnnouncement(Buffer.alloc(0), secret)).toBeUndefined()
})

test('announcements have one size, and two that say the same have nothing in common', () => {
  const [a, b] = [sealAnnouncement(announcement, secret), sealAnnouncement(announcement, secret)]
  const short = sealAnnouncement({ peerId: 'x', addrs: [] }, secret)
  expect([a.length, b.length]).toEqual([short.length, short.length])
  expect(a.filter((byte, i) => byte === b[i]).length).toBeLessThan(a.length / 20)
  expect(a.includes(announcement.peerId)).toBe(false)
})

test('of more addresses than LAN_ANNOUNCEMENT_BYTES hold the first ones are told', () => {
  const addrs = Array.from({ length: 8 }, (_, i) => `/dns4/${'x'.repeat(200)}${i}.example/tcp/4001`)
  const opened = openAnnouncement(sealAnnouncement({ peerId: '12D3KooWSelf', addrs }, secret), secret)
  expect(opened?.addrs.length).toBeGreaterThan(0)
  expect(opened?.addrs).toEqual(addrs.slice(0, opened?.addrs.length))
  expect(opened?.addrs.join('').length).toBeLessThan(LAN_ANNOUNCEMENT_BYTES)
})
