import { describe, expect, test } from 'vitest'
import { worstOf } from '../../cli/commands/doctor.ts'
import type { Finding } from '../../cli/doctor/finding.ts'
import {
  judgeMachine,
  LEAST_FREE_SHARE,
  LEAST_OPEN_FILES,
  type MachineFacts,
  MOST_LATE_MS,
  MOST_LOAD,
} from '../../cli/doctor/machine.ts'
import {
  BROKEN_LOOP_LATE_MS,
  BROKEN_SKEW_MS,
  judgeMesh,
  MANY_CONNECTIONS,
  type MeshFacts,
  MOST_LOOP_LATE_MS,
  MOST_SKEW_MS,
  type RootFacts,
} from '../../cli/doctor/mesh.ts'

const WELL: MachineFacts = {
  node: '26.0.0',
  openFiles: LEAST_OPEN_FILES,
  freeShare: 0.5,
  loadPerProcessor: 1,
  lateMs: 1,
  runtime: { path: '/run/user/1/greenroom-1', given: true, wrong: undefined },
  contextsWrong: undefined,
  outward: ['192.0.2.1'],
  mesh: { name: 'stage', joined: true, programs: 1 },
  port: undefined,
}

function findings(judged: readonly Finding[], check: string): string[] {
  return judged.filter((one) => one.check === check).map(({ severity }) => severity)
}

test('a machine that is well has no finding', () => {
  expect(worstOf(judgeMachine(WELL))).toBe('ok')
})

test.each<[string, string, Partial<MachineFacts>]>([
  ['files', 'warning', { openFiles: LEAST_OPEN_FILES - 1 }],
  ['memory', 'warning', { freeShare: LEAST_FREE_SHARE / 2 }],
  ['load', 'warning', { loadPerProcessor: MOST_LOAD + 1 }],
  ['timers', 'warning', { lateMs: MOST_LATE_MS + 1 }],
  ['directory', 'problem', { runtime: { ...WELL.runtime, wrong: 'other users can get at it' } }],
  ['directory', 'note', { runtime: { ...WELL.runtime, given: false } }],
  ['contexts', 'problem', { contextsWrong: 'it cannot be read' }],
  ['interfaces', 'note', { outward: [] }],
  ['mesh', 'problem', { mesh: { name: 'stage', joined: false, programs: 0 } }],
  ['port', 'warning', { port: { number: 4001, taken: 'listen EADDRINUSE' } }],
])('%s is a %s when it is wrong, with a remedy', (check, severity, wrong) => {
  const judged = judgeMachine({ ...WELL, ...wrong }).filter((one) => one.severity !== 'ok')
  expect(judged).toMatchObject([{ check, severity, remedy: expect.stringMatching(/\w{4}/) as string }])
})

function root(name: string, more: Partial<RootFacts> = {}, vitals: object = {}): RootFacts {
  const member = { name, id: `id-of-${name}`, status: 'up', addresses: ['/ip4/192.0.2.1/tcp/4001'], parent: null }
  const well = {
    name,
    host: 'here',
    pid: 7,
    connections: [],
    leftOut: 0,
    eventLoop: { delayMs: { p99: 1 } },
    discovery: { stretch: 1, heard: 1 },
    versions: { greenroom: '1.0.0' },
  }
  return {
    member,
    vitals: { ...well, ...vitals },
    silent: undefined,
    rttMs: 1,
    skew: { ms: 0, error: 1 },
    dials: [],
    ...more,
  } as unknown as RootFacts
}

function mesh(roots: readonly RootFacts[], snapshot: object = {}): MeshFacts {
  const arbiter = { name: 'a', id: 'id-of-a', term: 2, provisional: false }
  const well = { arbiter, election: { term: 2, mode: 'elastic' }, suspicions: [], counts: { lost: 0 }, counters: {} }
  return { snapshot: { ...well, ...snapshot }, roots, host: 'here' } as unknown as MeshFacts
}

describe('a mesh', () => {
  test('that is well has no finding', () => {
    expect(worstOf(judgeMesh(mesh([root('a'), root('b')])))).toBe('ok')
  })

  test.each<[string, string, RootFacts]>([
    ['reachability', 'problem', root('b', { vitals: undefined, silent: 'no answer within 1000 ms' })],
    ['clock', 'warning', root('b', { skew: { ms: -MOST_SKEW_MS - 20, error: 10 } })],
    ['clock', 'problem', root('b', { skew: { ms: BROKEN_SKEW_MS + 20, error: 10 } })],
    ['event loop', 'warning', root('b', {}, { eventLoop: { delayMs: { p99: MOST_LOOP_LATE_MS + 1 } } })],
    ['event loop', 'problem', root('b', {}, { eventLoop: { delayMs: { p99: BROKEN_LOOP_LATE_MS + 1 } } })],
    ['trust', 'warning', root('b', {}, { discovery: { stretch: 3, heard: 0.2 } })],
    ['connections', 'warning', root('b', {}, { leftOut: MANY_CONNECTIONS })],
    ['versions', 'warning', root('b', {}, { versions: { greenroom: '2.0.0' } })],
    ['addresses', 'problem', root('b', { dials: [{ address: '/ip4/192.0.2.1/tcp/1', failed: 'ECONNREFUSED' }] })],
    [
      'addresses',
      'note',
      root('b', {
        dials: [
          { address: 'x', failed: 'ECONNREFUSED' },
          { address: 'y', failed: undefined },
        ],
      }),
    ],
  ])('%s is a %s when it is wrong with a root', (check, severity, wrong) => {
    const judged = judgeMesh(mesh([root('a'), wrong])).filter((one) => one.severity !== 'ok')
    expect(judged).toMatchObject([{ check, severity, remedy: expect.stringMatching(/\w{4}/) as string }])
  })

  test('of several hosts needs addresses that mean something on the others', () => {
    const member = { ...root('b').member, addresses: ['/ip4/127.0.0.1/tcp/1', '/unix/x'] }
    expect(findings(judgeMesh(mesh([root('a'), root('b', { member }, { host: 'there' })])), 'addresses')).toEqual([
      'warning',
    ])
    expect(findings(judgeMesh(mesh([root('a'), root('b', { member })])), 'addresses')).toEqual([])
  })

  test('without an arbiter is broken, with a provisional one it needs care, and suspicions and losses are told', () => {
    expect(findings(judgeMesh(mesh([], { arbiter: null })), 'arbiter')).toEqual(['problem'])
    const arbiter = { name: 'a', id: 'id-of-a', term: 2, provisional: true }
    expect(findings(judgeMesh(mesh([], { arbiter })), 'arbiter')).toEqual(['warning'])
    const suspicions = [{ accused: { name: 'b', id: 'x' }, by: [{ name: '', id: 'y' }], forMs: 1, inMs: 1 }]
    const judged = judgeMesh(mesh([], { suspicions, counts: { lost: 2 } }))
    expect([findings(judged, 'suspicions'), findings(judged, 'lost')]).toEqual([['warning'], ['note']])
  })
})
