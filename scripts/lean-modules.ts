import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'rolldown'

/** Modules of packages that cost a start more than they give it, and what stands in for them, in `lean/`. */
const STAND_INS: Readonly<Record<string, string>> = {
  '@chainsafe/as-chacha20poly1305/lib/src/index.js': 'as-chacha20poly1305.ts',
  '@chainsafe/as-sha256/lib/index.js': 'as-sha256.ts',
  '@chainsafe/is-ip/lib/is-ip.node.js': 'is-ip.ts',
  '@libp2p/noise/dist/src/crypto/js.js': 'noise-crypto.ts',
  '@noble/curves/ed25519.js': 'ed25519.ts',
  '@noble/curves/secp256k1.js': 'secp256k1.ts',
  'mortice/dist/src/node.js': 'mortice.ts',
  'multiformats/dist/src/vendor/base-x.js': 'base-x.ts',
}

/** Sorts words that nobody reads: the rules of a language for that take five milliseconds to load. */
const SORTING = [/\b([\w.()]+)\.localeCompare\(([\w.()]+)\)/g, '($1 < $2 ? -1 : $1 > $2 ? 1 : 0)'] as const

/** What is known of a peer stays in memory: nothing is gained by writing it as bytes and reading it again at each change. */
const COPY_OF_PEER = `function copyOf(peer) {
  return {
    ...peer,
    addresses: peer.addresses.map((address) => ({ ...address })),
    protocols: [...peer.protocols],
    metadata: new Map(peer.metadata),
    tags: new Map(peer.tags),
  };
}`

/** What is made at the start of each process, and is made when it is needed instead. */
const EDITS: Readonly<Record<string, readonly (readonly [from: RegExp, to: string])[]>> = {
  '@libp2p/peer-record/dist/src/peer-record/utils.js': [SORTING],
  '@libp2p/peer-store/dist/src/store.js': [
    [/\bPeerPB\.decode\((\w+)\)/g, 'copyOf($1)'],
    [/\bPeerPB\.encode\(peer\)/, 'copyOf(peer)'],
    [/^export class PersistentStore/m, `${COPY_OF_PEER}\n$&`],
  ],
  '@libp2p/peer-store/dist/src/utils/bytes-to-peer.js': [
    [/\bPeerPB\.decode\((\w+)\)/, 'copyOf($1)'],
    [/^export function pbToPeer/m, `${COPY_OF_PEER}\n$&`],
  ],
  '@libp2p/peer-store/dist/src/utils/dedupe-addresses.js': [SORTING],
  '@libp2p/peer-store/dist/src/utils/to-peer-pb.js': [SORTING],
  '@libp2p/utils/dist/src/private-ip.js': [
    [/^const NETMASK_RANGES = (.*);$/m, 'let ranges;\nconst netmasks = () => (ranges ??= $1);'],
    [/\bof NETMASK_RANGES\b/, 'of netmasks()'],
  ],
  '@multiformats/dns/dist/src/resolvers/default.js': [
    [/^import \{ Resolver \} from 'dns\/promises';$/m, ''],
    [/\bnew Resolver\(\)/, "new (process.getBuiltinModule('node:dns/promises').Resolver)()"],
  ],
}

/** What the command alone stands on: it shares no module with the library, so that it starts without it. */
export const COMMAND_PACKAGES: RegExp = /[\\/]node_modules[\\/](commander|@bomb\.sh)[\\/]/

const NAMES = [...Object.keys(STAND_INS), ...Object.keys(EDITS)]

/**
 * Makes the bundle that children boot from lean: what a start pays for and nobody uses is left out.
 *
 * @throws Error when a package has not got one of these modules, or one of these lines, any more
 */
export function leanModules(): Plugin {
  const unmet = new Set(NAMES)
  return {
    name: 'lean-modules',
    resolveId: (source, importer = '') =>
      /^(node:)?process$/.test(source) && !COMMAND_PACKAGES.test(importer) ? leanFile('process.ts') : null,
    load: (id) => {
      const standIn = STAND_INS[nameOf(id) ?? '']
      if (standIn === undefined) return null
      unmet.delete(nameOf(id)!)
      return { code: readFileSync(leanFile(standIn), 'utf8'), moduleType: 'ts' }
    },
    transform: (code, id) => {
      const name = nameOf(id)
      const edits = EDITS[name ?? '']
      if (name === undefined || edits === undefined) return null
      if (edits.some(([from]) => code.search(from) < 0)) return null
      unmet.delete(name)
      return edits.reduce((edited, [from, to]) => edited.replace(from, to), code)
    },
    // One letter outside of Latin-1 would double the memory that the source takes in each process.
    generateBundle: (_, files) => {
      for (const file of Object.values(files))
        if (file.type === 'chunk') file.code = file.code.replaceAll(/[^\0-\x7f]/g, escaped)
    },
    buildEnd: (error) => {
      if (error === undefined && unmet.size > 0)
        throw new Error(`not in the bundle any more, or of another shape: ${[...unmet].join(', ')}`)
    },
  }
}

function escaped(letter: string): string {
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function leanFile(name: string): string {
  return fileURLToPath(new URL(`./lean/${name}`, import.meta.url))
}

function nameOf(id: string): string | undefined {
  const path = id.replaceAll('\\', '/')
  return NAMES.find((name) => path.endsWith(`/node_modules/${name}`))
}
