import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { InvalidArgument, NotExposed } from '../../node/errors.ts'
import { expose, exposedFunction, exposedNamespace, MAX_FUNCTION_ID, checkModules } from '../../rpc/exposed.ts'
import { add, count, notExposed, stage, ticker } from './fixtures/stage.ts'

const url = (name: string): { url: string } => ({ url: `file:///nowhere/${name}.ts` })

test('a function is known by itself, as namespace#name, with its kind', () => {
  expect(exposedFunction(add)).toMatchObject({ id: 'stage#add', kind: 'value', module: stage })
  expect(exposedFunction(count)).toMatchObject({ id: 'stage#count', kind: 'stream' })
  expect(exposedFunction(ticker)).toMatchObject({ id: 'stage#ticker', kind: 'value' })
  expect(exposedNamespace('stage')?.get('add')?.call).toBe(add)
})

test('the module names its namespace and where an actor on this host imports it from', () => {
  expect(stage).toEqual({ namespace: 'stage', url: new URL('./fixtures/stage.ts', import.meta.url).href })
})

test('without a namespace it is the name of the package and the path in it', () => {
  const here = pathToFileURL(import.meta.filename).href
  expect(expose({ url: here }, {}).namespace).toBe('greenroom/test/rpc/exposed.test')
})

test('a function that nobody exposed is refused, and the error says what to write', () => {
  expect(() => exposedFunction(notExposed)).toThrow(NotExposed)
  expect(() => exposedFunction(notExposed)).toThrow('call expose(import.meta, { notExposed }) in its module')
  expect(() => exposedFunction(() => {})).toThrow('an anonymous function is not exposed')
})

test.each([['hi'], [undefined], [{ call: 1 }]])('%j, which is no function, is refused as that', (value) => {
  expect(() => exposedFunction(value as never)).toThrow('a call takes the function itself')
})

test('what expose() did not give is no module', () => {
  for (const modules of ['./film.ts', ['./film.ts'], [undefined], { url: 'x', namespace: 'y' }])
    expect(() => checkModules(modules as never)).toThrow('modules is a list of what expose(import.meta, …) gives')
})

test('a module may expose in several goes, also when it is imported again with a query', () => {
  const first = expose(url('twice'), { a: () => 1 }, 'twice')
  const second = expose({ url: `${url('twice').url}?again` }, { b: () => 2 }, 'twice')
  expect(second).toBe(first)
  expect([...(exposedNamespace('twice')?.keys() ?? [])]).toEqual(['a', 'b'])
})

test('two modules cannot have one namespace', () => {
  expose(url('one'), {}, 'taken')
  expect(() => expose(url('other'), {}, 'taken')).toThrow(/other\.ts and .*one\.ts both expose 'taken'/)
})

test.each([
  ['an empty namespace', '', { a: () => 1 }],
  ['a namespace with a #', 'a#b', { a: () => 1 }],
  ['a function name with a #', 'x', { 'a#b': expose }],
  ['a function without a name', 'x', { '': expose }],
  ['what is no function', 'refused', { a: 1 as never }],
  ['an id that is too long', 'refused', { ['x'.repeat(MAX_FUNCTION_ID)]: () => 1 }],
])('%s is refused', (_, namespace, functions) => {
  expect(() => expose(url('refused'), functions, namespace)).toThrow(InvalidArgument)
})

test('a module that is no file needs a namespace', () => {
  expect(() => expose({ url: 'data:text/javascript,' }, {})).toThrow('give expose() a namespace')
})
