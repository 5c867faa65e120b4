import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../node/cancel-scope.ts'
import { RelayDesk } from '../../rpc/broadcast.ts'
import { Builtins } from '../../rpc/builtins.ts'
import { Callee } from '../../rpc/callee.ts'
import { Kinship } from '../../rpc/kinship.ts'
import { Lane } from '../../rpc/lane.ts'
import { Misconduct } from '../../rpc/misconduct.ts'
import { CALL, DESCRIBE, RESULT } from '../../rpc/protocol.ts'
import { Stats } from '../../rpc/stats.ts'
import { MAX_PEERS_IN_TRAFFIC, WireOwners } from '../../rpc/wire-owners.ts'
import { framed } from './fixtures/frames.ts'
import { RecordingWire } from './fixtures/recording-wire.ts'

const stats = new Stats()
const misconduct = new Misconduct(() => {}, stats)
const kinship = new Kinship('donny', new Uint8Array(32), 'tree')

describe('the traffic of a peer', () => {
  test('is one for all wires to it, and not that of another', () => {
    const owners = new WireOwners(misconduct, stats)
    expect(owners.of('walter').traffic).toBe(owners.of('walter').traffic)
    expect(owners.of('walter').traffic).not.toBe(owners.of('maude').traffic)
  })

  test('is known of MAX_PEERS_IN_TRAFFIC peers, the first one met begins anew', () => {
    const owners = new WireOwners(misconduct, stats)
    const [first, second] = [owners.of('0').traffic, owners.of('1').traffic]
    for (let peer = 2; peer <= MAX_PEERS_IN_TRAFFIC; peer++) owners.of(String(peer))
    expect(owners.of('1').traffic).toBe(second)
    expect(owners.of('0').traffic).not.toBe(first)
  })

  test('counts the calls that are made on a lane, and nothing else', async () => {
    const wire = new RecordingWire()
    const lane = new Lane({
      peer: { name: 'gretchen', id: 'gretchen' },
      stats,
      acquaintance: kinship.meet('gretchen'),
      nextId: () => 1,
      onClose: async () => await Promise.resolve(undefined),
      openPart: async () => await Promise.reject(new Error('no part is opened here')),
    })
    lane.open(wire)
    expect(wire.traffic.calls).toBe(0)
    await lane.start('film#hi', [], 'value', new CancelScope())
    expect(wire.traffic.calls).toBe(1)
    wire.onData?.(framed([RESULT, 1, 'hi']))
    expect(wire.traffic.calls).toBe(1)
    lane.close()
  })

  test('counts the calls that are served on a lane, and nothing else', () => {
    const callee = new Callee({
      self: { name: 'donny', id: 'donny' },
      scope: new CancelScope(),
      misconduct,
      kinship,
      stats,
      builtins: new Builtins(),
      relays: new RelayDesk({ self: { name: 'donny', id: 'donny' }, call: () => undefined, refused: () => {} }),
      onCancelActor: () => {},
    })
    const wire = new RecordingWire()
    callee.acceptLane(wire, 'walter')
    wire.onData?.(framed([DESCRIBE, 1]))
    expect(wire.traffic.calls).toBe(0)
    wire.onData?.(framed([CALL, 2, 'film#hi', ['over'], 0, 'value']))
    wire.onData?.(framed([CALL, 3, 'film#hi', [], 0, 'value']))
    expect(wire.traffic.calls).toBe(2)
  })
})
