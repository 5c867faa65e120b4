import { describe, expect, test } from 'vitest'
import { MeshModel } from '../../cli/model/mesh-model.ts'
import { widthOf } from '../../cli/text.ts'
import { keysOf } from '../../cli/watch/keys.ts'
import { textOf, widthOfLine } from '../../cli/watch/line.ts'
import { paint } from '../../cli/watch/paint.ts'
import { type Page, press } from '../../cli/watch/press.ts'
import { drawScreen } from '../../cli/watch/screen.ts'
import type { Seen } from '../../cli/watch/seen.ts'
import { MAX_FILTER, START, TABS, type ViewState } from '../../cli/watch/view-state.ts'
import type { ActorVitals, MemberSnapshot } from '../../index.ts'

const NOW = 1_800_000_000_000

function member(name: string, parent: string | null = null, root = parent ?? name): MemberSnapshot {
  const nothing = { addresses: [], modules: [], tags: [], groups: [], version: null, refutations: 0, changes: 0 }
  return {
    ...nothing,
    name,
    id: `id-${name}`,
    parent: parent && `id-${parent}`,
    root: `id-${root}`,
    status: 'up',
    incarnation: NOW - 60_000,
    linked: true,
  }
}

/** An actor that has served so many calls, a tenth of which failed, after so many milliseconds. */
function vitals(uptimeMs: number, calls: number): ActorVitals {
  const latency = {
    count: calls,
    meanUs: 100,
    p50Us: 100,
    p90Us: 100,
    p99Us: 4_200,
    maxUs: 100,
    buckets: [[4_200, calls]],
  }
  const served = { started: calls, succeeded: calls, failed: calls / 10, cancelled: 0, inFlight: 3, latency }
  const made = { ...served, started: 0, failed: 0, latency: { ...latency, buckets: [] } }
  const stream = {
    functionId: 'play#prompt',
    peer: { name: 'nurse', id: 'id-nurse' },
    role: 'callee',
    since: NOW - 5_000,
  }
  return {
    pid: 4_711,
    host: 'h1',
    platform: 'linux',
    versions: { node: '26' },
    logLevel: 'info',
    cpu: { share: 0.25 },
    memory: { rssBytes: 2 ** 26, heapUsedBytes: 2 ** 24, heapTotalBytes: 2 ** 25 },
    eventLoop: { utilization: 0.1, delayMs: { p50: 1, p99: 2, max: 3 } },
    discovery: { joined: true, stretch: 1, heard: 1, actors: 3, links: 1 },
    children: { running: 1, starting: 0, restarting: 0, restarts: 2 },
    connections: [],
    streams: [{ ...stream, itemsSent: 77, itemsReceived: 0, credit: { items: 0, bytes: 1_024 }, queued: 5 }],
    stats: {
      since: 0,
      uptimeMs,
      served,
      made,
      functions: [],
      bytes: { received: 0, sent: 0 },
      streams: { open: 1, itemsReceived: 0, itemsSent: 0 },
    },
  } as unknown as ActorVitals
}

function meshOf(): MeshModel {
  const model = new MeshModel()
  const arbiter = { name: 'globe', id: 'id-globe', term: 7, incarnation: 1, self: false, provisional: false }
  const members = [member('globe'), member('hamlet', 'globe'), member('ghost', 'hamlet', 'globe'), member('rose')]
  model.takeMembers([...members, member('evil\u001b[2J', 'rose'), member('yorick')], arbiter, NOW - 9_000)
  model.takeMembers([...members, member('evil\u001b[2J', 'rose')], arbiter, NOW - 8_000)
  for (const id of ['id-globe', 'id-hamlet']) {
    model.takeVitals(id, vitals(1_000, 0), NOW - 3_000)
    model.takeVitals(id, vitals(2_000, 40), NOW - 2_000)
  }
  model.takeSilence('id-rose', 'no answer within 800 ms', NOW - 2_000)
  model.takeEvent({
    at: NOW - 1_000,
    seq: 1,
    actor: { name: 'globe', id: 'id-globe' },
    type: 'restarting',
    child: { name: 'hamlet', id: 'id-hamlet' },
    why: 'RangeError: forgotten',
    delayMs: 50,
  })
  return model
}

const seen: Seen = {
  mesh: 'studio',
  gate: { name: 'globe', id: 'id-globe' },
  model: meshOf(),
  now: NOW,
  tree: undefined,
  log: [],
  note: undefined,
}
const textAt = (view: ViewState, columns: number, rows: number, what: Seen = seen): string =>
  drawScreen(what, view, { columns, rows }).lines.map(textOf).join('\n')

describe('the screen', () => {
  test.each([
    [80, 24],
    [200, 50],
    [40, 10],
    [20, 5],
    [5, 2],
  ])('fills %i × %i exactly, whatever it is about, and never gives orders to the terminal', (columns, rows) => {
    const details = { detail: { actor: { name: 'hamlet', id: 'id-hamlet' }, offset: 0 } }
    const log = { log: { actor: { name: 'hamlet', id: 'id-hamlet' }, level: 'trace' as const, back: 0 } }
    const asking = {
      asking: { act: 'cancel' as const, actor: { name: 'hamlet', id: 'id-hamlet' }, below: 1, asked: 1 as const },
    }
    const views = [
      ...TABS.map((tab) => ({ ...START, tab })),
      { ...START, ...details },
      { ...START, ...log },
      { ...START, ...asking },
      { ...START, helping: true },
      { ...START, typing: 'x' },
    ]
    const line = {
      at: NOW,
      seq: 1,
      level: 'info' as const,
      area: 'console',
      text: 'to be\u001b[31m\nor not',
      actor: { name: 'hamlet', id: 'id-hamlet' },
    }
    for (const view of views) {
      const { lines } = drawScreen({ ...seen, log: [line] }, view, { columns, rows })
      expect(lines).toHaveLength(rows)
      expect(lines.filter((one) => widthOfLine(one) > columns)).toEqual([])
      expect(lines.map(textOf).join('')).not.toContain('\u001b')
    }
  })

  test('of 80 × 24 shows hosts with their health, the tree, rates, latencies, failures, the arbiter and events', () => {
    const text = textAt(START, 80, 24)
    expect(text).toMatch(/studio {2}2 roots, 5 actors {2}arbiter globe, term 7/)
    expect(text).toMatch(/80 calls\/s 8.0 fail\/s p99 4.2 ms/)
    expect(text).toMatch(/\*globe +up +40 +4.0 +4.2 ms/)
    expect(text).toMatch(/^ {4}└ hamlet +up +40/m)
    expect(text).toMatch(/^ {6}└ ghost +unasked +- +-/m)
    expect(text).toMatch(/rose +SILENT/)
    expect(text).toContain('globe (id-globe) starts hamlet (d-hamlet) again in 50 ms: RangeE…')
  })

  test('of 200 × 50 shows streams with their credit and who is gone beside the tree', () => {
    const text = textAt(START, 200, 50)
    expect(text).toMatch(/── 2 stream ends open/)
    expect(text).toMatch(/globe +serves play#prompt +nurse +77 +0 +0 +5/)
    expect(text).toMatch(/── gone/)
    expect(text).toMatch(/yorick .*it is not there any more/)
    expect(text).toMatch(/LOOP/)
    const panes = text.split('\n').flatMap((line) => (line.includes('──') ? [line.indexOf('──')] : []))
    expect(panes).toEqual([116, 116, 116])
  })

  test('of 40 × 10 keeps names, health and calls', () => {
    expect(textAt(START, 40, 10)).toMatch(/\*globe +up +40/)
  })

  test('keeps the chosen row in sight, marked without colour', () => {
    const model = new MeshModel()
    model.takeMembers(
      Array.from({ length: 100 }, (_, i) => member(`a${String(i).padStart(3, '0')}`)),
      null,
      NOW,
    )
    const text = textAt({ ...START, chosen: { mesh: 'id-a090' } }, 80, 24, { ...seen, model })
    expect(text).toMatch(/^> a090/m)
    expect(text).not.toContain('a001')
  })

  test('tells which actors are seen, in a list that is longer than the window too', () => {
    const model = new MeshModel()
    const names = Array.from({ length: 100 }, (_, i) => `a${String(i).padStart(3, '0')}`)
    model.takeMembers(
      names.map((name) => member(name)),
      null,
      NOW,
    )
    for (const tab of ['mesh', 'actors'] as const) {
      const view = { ...START, tab, chosen: { [tab]: 'id-a050' } }
      const { lines, page } = drawScreen({ ...seen, model }, view, { columns: 80, rows: 24 })
      const text = lines.map(textOf).join('\n')
      expect(page.shown).toContain('id-a050')
      expect(page.shown).toEqual(names.filter((name) => text.includes(name)).map((name) => `id-${name}`))
    }
  })

  test('shows beside the tree what is notable, and in a list of its own all events, repeated ones counted', () => {
    const model = meshOf()
    const gone = { ...member('ghost', 'hamlet', 'globe'), parent: 'id-hamlet', version: undefined }
    const seenBy = { name: 'globe', id: 'id-globe' }
    model.takeEvent({ at: NOW - 900, type: 'down', actor: gone, why: 'subtree', by: undefined, seenBy })
    model.takeEvent({ at: NOW - 900, type: 'linkDown', peer: { name: 'rose', id: 'id-rose' }, seenBy })
    model.takeEvent({
      at: NOW - 500,
      seq: 2,
      actor: seenBy,
      type: 'restarting',
      child: { name: 'hamlet', id: 'id-hamlet-2' },
      why: 'RangeError: forgotten',
      delayMs: 50,
    })
    const pane = textAt(START, 100, 24, { ...seen, model })
    expect(pane).toContain('2 times in 500 ms: globe (id-globe) starts hamlet (hamlet-2) again')
    expect(pane).not.toMatch(/an actor above it is gone|neighbours/)
    const all = textAt({ ...START, tab: 'events' }, 100, 24, { ...seen, model })
    expect(all).toMatch(/an actor above it is gone[^]*|neighbours no more/)
    expect(all.match(/starts hamlet/g)).toHaveLength(1)
  })

  test('shows of a filter what matches, and what is above it; folds what is below an actor', () => {
    const filtered = textAt({ ...START, filter: 'GHO' }, 80, 10)
    expect(filtered).toMatch(/globe[^]*hamlet[^]*ghost/)
    expect(filtered).not.toContain('rose')
    const folded = textAt({ ...START, folded: ['id-globe'] }, 80, 10)
    expect(folded).toMatch(/globe \+2/)
    expect(folded).not.toContain('ghost')
  })

  test('sorts by what is asked for', () => {
    const order = (view: Partial<ViewState>): string[] =>
      drawScreen(seen, { ...START, tab: 'actors', ...view }, { columns: 80, rows: 24 }).page.rows.map(
        ({ actor }) => actor!.name,
      )
    expect(order({ order: 'name' })[0]).toBe('evil\u001b[2J')
    expect(order({ order: 'calls' }).slice(0, 2).toSorted()).toEqual(['globe', 'hamlet'])
    expect(order({ order: 'calls', reversed: true }).slice(-2).toSorted()).toEqual(['globe', 'hamlet'])
  })

  test('says that a question is about all below an actor, and what to press, at any width', () => {
    const asking = { act: 'kill' as const, actor: { name: 'x'.repeat(90), id: 'id' }, below: 2, asked: 2 as const }
    expect(textAt({ ...START, asking }, 60, 10)).toMatch(/capital Y: yes, any other key: no/)
    expect(textAt({ ...START, asking: { ...asking, actor: { name: 'x', id: 'id' } } }, 90, 10)).toContain(
      'really kill x (id) and the 2 actors below it?',
    )
  })

  test('uses colour where there is some, and else bold and inverse alone', () => {
    const line = [
      { text: 'a', tone: 'good' as const },
      { text: 'b', tone: 'chosen' as const },
    ]
    expect(paint(line, true)).toContain('\u001b[32m')
    expect(paint(line, false)).toBe('a\u001b[7mb\u001b[27m')
    expect(widthOf('a')).toBe(1)
  })
})

describe('keys', () => {
  const rows = [{ key: 'a', actor: { name: 'a', id: 'a' } }, { key: 'b', actor: { name: 'b', id: 'b' } }, { key: 'c' }]
  const page: Page = { rows, shown: [], height: 2, length: 3, below: () => 4 }
  const after = (view: ViewState, ...keys: string[]): ViewState =>
    keys.reduce((one, key) => press(one, key, page).view, view)

  test('that came together are taken one by one, also Esc and what follows it', () => {
    expect(keysOf('/ab\r', {})).toEqual(['/', 'a', 'b', 'enter'])
    expect(keysOf('1', { meta: true })).toEqual(['escape', '1'])
    expect(keysOf('', { meta: true, escape: true })).toEqual(['escape', 'escape'])
    expect(keysOf('', { meta: true })).toEqual([])
  })

  test('choose rows within the list, and tabs', () => {
    expect(after(START, 'down').chosen.mesh).toBe('b')
    expect(after(START, 'down', 'down', 'down', 'down').chosen.mesh).toBe('c')
    expect(after(START, 'end', 'home').chosen.mesh).toBe('a')
    expect(after(START, 'pagedown').chosen.mesh).toBe('c')
    expect(after(START, 'tab').tab).toBe('actors')
    expect(after(START, 'backtab').tab).toBe('gone')
    expect(after(START, '4').tab).toBe('events')
    expect(press(START, 'down', { ...page, rows: [] }).view).toEqual(START)
  })

  test('look at an actor and go back', () => {
    expect(after(START, 'down', 'enter').detail?.actor.id).toBe('b')
    expect(after(START, 'enter', 'l').log?.actor.id).toBe('a')
    expect(after(START, 'enter', 'l', 'escape').detail?.actor.id).toBe('a')
    expect(after(START, 'enter', 'escape').detail).toBeUndefined()
    expect(after(START, 'end', 'enter').detail).toBeUndefined()
  })

  test('end an actor only after two questions, answered by different keys', () => {
    const asked = after(START, 'c')
    expect(asked.asking).toEqual({ act: 'cancel', actor: rows[0]!.actor, below: 4, asked: 1 })
    expect(after(asked, 'y').asking?.asked).toBe(2)
    expect(press(after(asked, 'y'), 'Y', page)).toEqual({ view: START, act: { act: 'cancel', actor: rows[0]!.actor } })
    for (const keys of [['Y'], ['enter'], ['c'], ['y', 'enter'], ['y', 'c'], ['y', 'q'], ['y', 'escape']]) {
      const calm = keys.reduce((one, key) => press(one.view, key, page), { view: asked } as ReturnType<typeof press>)
      expect(calm).toEqual({ view: START })
    }
    expect(press(after(asked, 'y', 'y', 'y'), 'y', page).act).toBeUndefined()
    expect(press(after(START, 'X', 'y'), 'Y', page).act?.act).toBe('kill')
    expect(after(START, 'end', 'c').asking).toBeUndefined()
  })

  test('type a filter, in which no letter is an order', () => {
    expect(after(START, '/', 'q', 'c', 'enter')).toMatchObject({ filter: 'qc', typing: undefined, quitting: false })
    expect(after(START, '/', 'q', 'backspace', 'x').filter).toBe('x')
    expect(after(START, '/', 'q', 'escape').filter).toBe('')
    expect(after(START, '/', ...Array.from({ length: MAX_FILTER + 5 }, () => 'x')).filter).toHaveLength(MAX_FILTER)
  })

  test('quit from anywhere', () => {
    expect(after(START, 'q').quitting).toBe(true)
    expect(after(START, 'c', 'ctrl-c').quitting).toBe(true)
    expect(after(START, '/', 'ctrl-c').quitting).toBe(true)
    expect(after(START, '?').helping).toBe(true)
    expect(after(START, '?', 'q').quitting).toBe(true)
  })

  test('that come together are taken one by one', () => {
    expect(keysOf('cyY', {})).toEqual(['c', 'y', 'Y'])
    expect(keysOf('', { upArrow: true })).toEqual(['up'])
    expect(keysOf('c', { ctrl: true })).toEqual(['ctrl-c'])
    expect(keysOf('x'.repeat(1_000), {})).toHaveLength(64)
  })
})
