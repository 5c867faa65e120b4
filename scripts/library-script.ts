import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { Script } from 'node:vm'
import type { Plugin } from 'rolldown'
import { parseAst } from 'rolldown/parseAst'
import { transformSync } from 'rolldown/utils'

type Program = ReturnType<typeof parseAst>
type Statement = Program['body'][number]
type Import = Extract<Statement, { type: 'ImportDeclaration' }>

/** Files of the bundle: the library's code, and the module that runs it. */
const SCRIPT = 'library.js'
const MODULE = 'library.mjs'
/** What gives packages in CommonJS their `require`: all that they ask for in a start is built in. */
const RUNTIME = 'rolldown-runtime.mjs'
const REQUIRE = [
  '(()=>createRequire(import.meta.url))()',
  'id=>process.getBuiltinModule(id)??createRequire(import.meta.url)(id)',
] as const
/** Built-in modules that few processes use: their functions are looked up when they are called. */
const SELDOM = new Set(['node:fs/promises', 'node:dns/promises'])
/** What the script is given by the module that runs it. */
const GIVEN = ['$meta', '$import', '$builtin', '$modules'] as const

/**
 * Makes a script of the chunk that holds the library, and a small module that runs it and exports what it gives.
 *
 * Node's compile cache keeps a module as it was compiled, before it ran: each function that runs later is compiled anew in each
 * process, which was a third of a start. A script's cache can be written after its functions have run, with all of them in it.
 */
export function libraryScript(): Plugin {
  return {
    name: 'library-script',
    generateBundle(_, files) {
      const chunks = Object.values(files).filter((file) => file.type === 'chunk')
      const library = chunks.find(({ fileName }) => fileName === MODULE)
      if (library === undefined) throw new Error(`the bundle has no ${MODULE}`)
      const { script, module, changing } = scriptOf(library.code)
      // a module cannot pass on what a script changes later
      for (const chunk of chunks)
        if (chunk !== library && chunk.moduleIds.length > 0)
          for (const name of importsFrom(MODULE, chunk.code))
            if (changing.has(name)) throw new Error(`${chunk.fileName} imports '${changing.get(name)}', which changes`)
      library.code = module
      const runtime = chunks.find(({ fileName }) => fileName === RUNTIME)
      if (runtime?.code.includes(REQUIRE[0]) !== true) throw new Error(`${RUNTIME} has another shape`)
      runtime.code = runtime.code.replace(...REQUIRE)
      this.emitFile({ type: 'asset', fileName: SCRIPT, source: script })
    },
  }
}

interface LibraryScript {
  readonly script: string
  readonly module: string
  /** Variables that are exported and change, by the names that they are exported by. */
  readonly changing: ReadonlyMap<string, string>
}

function scriptOf(code: string): LibraryScript {
  const { body } = parseAst(code)
  const edits = editsIn(body)
  const given: string[] = []
  const modules: string[] = []
  const exported = new Map<string, string>()
  const lets = new Set<string>()
  for (const statement of body) {
    if (statement.type === 'ImportDeclaration') {
      const from = statement.source.value
      const builtin = isBuiltin(from)
      const source = builtin ? `$builtin(${JSON.stringify(from)})` : `$modules[${modules.push(from) - 1}]`
      given.push(...declarationsOf(statement, source, builtin))
      edits.push({ ...statement, text: '' })
    } else if (statement.type === 'ExportNamedDeclaration') {
      for (const { local, exported: name } of statement.specifiers) exported.set(nameOf(name), nameOf(local))
      edits.push({ ...statement, text: '' })
    } else if (statement.type === 'VariableDeclaration' && statement.kind === 'let') {
      for (const { id } of statement.declarations) if (id.type === 'Identifier') lets.add(id.name)
    }
  }
  const results = [...exported].map(([name, local]) => `${JSON.stringify(name)}:${local}`)
  const script = `(function(${GIVEN.join()}){'use strict';const ${given.join()};${edited(code, edits)}\nreturn{${results.join()}}})`
  // compiled once, so that what cannot be a script is found here
  void new Script(script, { filename: SCRIPT })
  return {
    script,
    module: moduleFor(script, modules, [...exported.keys()]),
    changing: new Map([...exported].filter(([, local]) => lets.has(local))),
  }
}

interface Edit {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** What only a module may say is given to the script. */
function editsIn(tree: unknown): Edit[] {
  if (typeof tree !== 'object' || tree === null) return []
  if (Array.isArray(tree)) return tree.flatMap(editsIn)
  const node = tree as { type?: string; start: number; end: number }
  if (node.type === 'ImportDeclaration') return []
  if (node.type === 'MetaProperty' && (tree as { meta: { name: string } }).meta.name === 'import')
    return [{ start: node.start, end: node.end, text: '$meta' }]
  const inside = Object.values(tree).flatMap(editsIn)
  return node.type === 'ImportExpression'
    ? [{ start: node.start, end: node.start + 'import'.length, text: '$import' }, ...inside]
    : inside
}

function edited(code: string, edits: readonly Edit[]): string {
  let at = 0
  let text = ''
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    text += code.slice(at, edit.start) + edit.text
    at = edit.end
  }
  return text + code.slice(at)
}

/** As in `{a: b} = source`; a built-in module is its own default export. */
function declarationsOf({ specifiers, source: { value: from } }: Import, source: string, builtin: boolean): string[] {
  const seldom = SELDOM.has(from)
  const whole: string[] = []
  const parts: string[] = []
  for (const specifier of specifiers) {
    const { name } = specifier.local
    if (specifier.type === 'ImportNamespaceSpecifier') whole.push(`${name}=${source}`)
    else if (specifier.type === 'ImportSpecifier' && seldom)
      whole.push(`${name}=(...given)=>${source}.${nameOf(specifier.imported)}(...given)`)
    else if (specifier.type === 'ImportSpecifier' && nameOf(specifier.imported) !== 'default')
      parts.push(`${JSON.stringify(nameOf(specifier.imported))}:${name}`)
    else whole.push(`${name}=${builtin ? source : `${source}.default`}`)
  }
  return parts.length === 0 ? whole : [...whole, `{${parts.join()}}=${source}`]
}

function importsFrom(file: string, code: string): string[] {
  return parseAst(code).body.flatMap((statement) =>
    statement.type === 'ImportDeclaration' && statement.source.value.endsWith(`/${file}`)
      ? statement.specifiers.flatMap((one) => (one.type === 'ImportSpecifier' ? nameOf(one.imported) : []))
      : [],
  )
}

function nameOf(name: { readonly type: string }): string {
  return name.type === 'Literal'
    ? (name as unknown as { value: string }).value
    : (name as unknown as { name: string }).name
}

/** The module that runs the script. */
function moduleFor(script: string, modules: readonly string[], names: readonly string[]): string {
  const hash = createHash('sha256').update(script).digest('hex').slice(0, 16)
  const head = transformSync(
    'cached-script.ts',
    readFileSync(new URL('./lean/cached-script.ts', import.meta.url), 'utf8'),
  ).code
  return `${head}
${modules.map((from, i) => `import * as m${i} from ${JSON.stringify(from)}`).join('\n')}
const {${names.map((name, i) => `${JSON.stringify(name)}:e${i}`).join()}} = runCached('${SCRIPT}', '${hash}')(
  import.meta, (id) => import(id), process.getBuiltinModule, [${modules.map((_, i) => `m${i}`).join()}])
export {${names.map((name, i) => `e${i} as ${JSON.stringify(name)}`).join()}}
`
}
