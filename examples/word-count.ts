// A word count over actors on many hosts: whoever is free takes the next lines, and what all have counted is added up.
//   node examples/word-count.ts host --listen /ip4/0.0.0.0/tcp/4001     on each host; without --listen, on one machine
//   node examples/word-count.ts LICENSE --hosts 3                       anywhere in the mesh
// A host is a program that starts actors for others: `greenroom up --allow-spawn` is one as well.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { expose, failAfter, members, openNursery, type Portal, run, sleep } from '../index.ts'

/** Runs in the counters. */
export function countWords(lines: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const [word] of lines
    .join('\n')
    .toLowerCase()
    .matchAll(/\p{L}+/gu))
    counts.set(word, (counts.get(word) ?? 0) + 1)
  return counts
}
const counting = expose(import.meta, { countWords })

async function count(file: string, hosts: readonly Portal[]): Promise<void> {
  const parts = inParts((await readFile(file, 'utf8')).split('\n'), 4)
  const shares = hosts.map(() => 0)
  const total = new Map<string, number>()
  // the counters belong to this block, wherever they run
  await openNursery(async (nursery) => {
    const start = async ({ id }: Portal) => nursery.startActor('counter', { modules: [counting], on: { id } })
    const counters = await Promise.all(hosts.map(start))
    const work = counters.map(async (counter, i) => {
      // all of them take from the same parts
      for (const part of parts) {
        for (const [word, times] of await counter.run(countWords, part)) total.set(word, (total.get(word) ?? 0) + times)
        shares[i]! += 1
      }
    })
    await Promise.all(work)
    nursery.cancel()
  })
  const [first] = [...total].toSorted(([, a], [, b]) => b - a)
  console.log(`${total.size} different words; '${first?.[0]}' is there ${first?.[1]} times`)
  console.log(`${shares.filter((share) => share > 0).length} hosts counted them, in ${sum(shares)} parts`)
}

function* inParts<T>(items: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** All who start actors for others are in this group. */
async function enough(hosts: number): Promise<Portal[]> {
  while (members('greenroom:hosts').length < hosts) await sleep(50)
  return members('greenroom:hosts')
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      mesh: { type: 'string', default: 'word-count' },
      listen: { type: 'string', multiple: true },
      hosts: { type: 'string', default: '3' },
    },
  })
  const [what = 'LICENSE'] = positionals
  const { mesh, listen } = values
  const lan = listen === undefined ? {} : ({ listen, profile: 'lan' } as const)
  if (what === 'host') await run(() => sleep(600_000), { mesh, name: 'host', allowSpawn: true, ...lan })
  else
    await run(async () => await count(what, await failAfter(10_000, () => enough(Number(values.hosts)))), {
      mesh,
      name: 'reader',
      ...lan,
    })
}
