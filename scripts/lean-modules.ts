import { readFileSync } from 'node:fs'
import type { Plugin } from 'rolldown'

/** Modules of packages that cost a start more than they give it, and what stands in for them, in `lean/`. */
const STAND_INS = {
  '@chainsafe/as-sha256/lib/index.js': 'as-sha256.ts',
  '@chainsafe/is-ip/lib/is-ip.node.js': 'is-ip.ts',
  '@libp2p/noise/dist/src/crypto/js.js': 'noise-crypto.ts',
  '@noble/curves/ed25519.js': 'ed25519.ts',
  '@noble/curves/secp256k1.js': 'secp256k1.ts',
} as const

/** Modules that sort words which nobody reads: the rules of a language for that take five milliseconds to load. */
const SORTERS = [
  '@libp2p/peer-record/dist/src/peer-record/utils.js',
  '@libp2p/peer-store/dist/src/utils/dedupe-addresses.js',
  '@libp2p/peer-store/dist/src/utils/to-peer-pb.js',
]
const LANGUAGE_ORDER = /\b([\w.()]+)\.localeCompare\(([\w.()]+)\)/g
const CODE_ORDER = '($1 < $2 ? -1 : $1 > $2 ? 1 : 0)'

/** @throws Error when a package has not got one of the modules any more */
export function leanModules(): Plugin {
  const unmet = new Set<string>([...Object.keys(STAND_INS), ...SORTERS])
  const meet = (id: string): string | undefined => {
    const path = id.replaceAll('\\', '/')
    const met = [...Object.keys(STAND_INS), ...SORTERS].find((name) => path.endsWith(`/node_modules/${name}`))
    if (met !== undefined) unmet.delete(met)
    return met
  }
  return {
    name: 'lean-modules',
    load: (id) => {
      const file = STAND_INS[meet(id) as keyof typeof STAND_INS]
      if (file === undefined) return null
      return { code: readFileSync(new URL(`./lean/${file}`, import.meta.url), 'utf8'), moduleType: 'ts' }
    },
    transform: (code, id) => (SORTERS.includes(meet(id) ?? '') ? code.replaceAll(LANGUAGE_ORDER, CODE_ORDER) : null),
    buildEnd: (error) => {
      if (error === undefined && unmet.size > 0) throw new Error(`not in the bundle any more: ${[...unmet].join(', ')}`)
    },
  }
}
