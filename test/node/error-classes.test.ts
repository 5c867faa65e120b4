import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { classId, errorClass, MAX_CLASS_ID, MAX_ERROR_CLASSES, registerError } from '../../node/error-classes.ts'
import * as errors from '../../node/errors.ts'
import * as shop from './fixtures/shop.ts'

const { Cancelled, DeadlineExceeded, GreenroomError, InvalidArgument } = errors

test('the built-in classes and those of greenroom are known from the start', () => {
  expect(errorClass('RangeError')).toBe(RangeError)
  expect(errorClass('AggregateError')).toBe(AggregateError)
  expect(errorClass('DOMException')).toBe(DOMException)
  expect(errorClass('greenroom/DeadlineExceeded')).toBe(DeadlineExceeded)
})

test('a class of greenroom is not known by its bare name: others may have one of that name', () => {
  expect(errorClass('Cancelled')).toBeUndefined()
  expect(classId(Cancelled.prototype)).toBe('greenroom/Cancelled')
  class Impostor extends Error {}
  Object.defineProperty(Impostor, 'name', { value: 'greenroom/Cancelled' })
  expect(classId(Impostor.prototype)).toBeUndefined()
})

test('a registered class is known by its name, however often it is registered', () => {
  class Rained extends Error {}
  registerError(Rained)
  registerError(Rained)
  expect(errorClass('Rained')).toBe(Rained)
  expect(classId(Rained.prototype)).toBe('Rained')
})

test('two unrelated classes of one name cannot both be known by it, and each can have an id', () => {
  const first = { Twice: class Twice extends Error {} }.Twice
  const second = {
    Twice: class Twice extends Error {
      second = true
    },
  }.Twice
  const third = { Twice: class Twice extends RangeError {} }.Twice
  registerError(first)
  for (const other of [second, third]) {
    expect(() => registerError(other)).toThrow('another error class is named Twice: give registerError an id')
    expect(errorClass('Twice')).toBe(first)
  }
  registerError(second, 'second/Twice')
  registerError(third, 'third/Twice')
  expect(errorClass('second/Twice')).toBe(second)
  expect(new first()).not.toBeInstanceOf(second)
  expect(new third()).not.toBeInstanceOf(first)
})

test('a class has one id', () => {
  class Once extends Error {}
  registerError(Once, 'one/Once')
  registerError(Once, 'one/Once')
  registerError(Once)
  expect(() => registerError(Once, 'two/Once')).toThrow("it is known as 'one/Once' already")
  expect(errorClass('Once')).toBeUndefined()
})

test.each(['RangeError', 'DOMException', 'greenroom/Cancelled', 'greenroom/anything'])(
  'the id %s cannot be taken',
  (id) => {
    const Impostor = class extends Error {}
    expect(() => registerError(Impostor, id)).toThrow(InvalidArgument)
    Object.defineProperty(Impostor, 'name', { value: id })
    expect(() => registerError(Impostor)).toThrow(InvalidArgument)
  },
)

test('a class that has the name of a built-in is not taken for it, the built-in of another realm is', () => {
  const Other = { RangeError: class RangeError extends Error {} }.RangeError
  expect(classId(Other.prototype)).toBeUndefined()
  expect(classId(runInNewContext('RangeError.prototype') as object)).toBe('RangeError')
})

describe('copies of a module', () => {
  const load = async (query: string): Promise<typeof shop> =>
    (await import(`./fixtures/shop.ts?${query}`)) as typeof shop

  test('have one class: instanceof holds for the errors of each copy in the code of every other', async () => {
    const copies = [shop, await load('copy=1'), await load('copy=2')]
    expect(new Set(copies.map((copy) => copy.SoldOut)).size).toBe(3)
    for (const thrower of copies)
      for (const catcher of copies) {
        expect(catcher.isSoldOut(new thrower.SoldOut())).toBe(true)
        expect(new thrower.Closed()).toBeInstanceOf(catcher.Closed)
        expect(new thrower.VerySoldOut()).toBeInstanceOf(catcher.SoldOut)
      }
    expect(classId(copies[2]!.SoldOut.prototype)).toBe('SoldOut')
    expect(copies.map((copy) => copy.SoldOut)).toContain(errorClass('SoldOut'))
  })

  test('change nothing for other values, for other classes, and for subclasses that are not registered', async () => {
    const copy = await load('copy=3')
    const others = [undefined, null, 1, 'SoldOut', {}, Object.create(null), new Error('x'), new shop.Closed()]
    for (const other of others) expect(other).not.toBeInstanceOf(copy.SoldOut)
    expect(new copy.SoldOut()).not.toBeInstanceOf(copy.VerySoldOut)
    expect(new shop.VerySoldOut()).not.toBeInstanceOf(copy.VerySoldOut)
    expect(new copy.VerySoldOut()).toBeInstanceOf(copy.VerySoldOut)
    expect(new shop.SoldOut()).not.toBeInstanceOf(RangeError)
  })

  test('a class without copies is left as it is', () => {
    class Alone extends Error {}
    registerError(Alone)
    expect(Object.hasOwn(Alone, Symbol.hasInstance)).toBe(false)
  })

  test('a frozen class, and one that knows its instances itself, are left as they are', () => {
    const make = (): typeof Error => class Frozen extends Error {} as typeof Error
    const [one, two] = [Object.freeze(make()), make()]
    Object.defineProperty(two, Symbol.hasInstance, { value: () => 'mine' })
    registerError(one, 'test/Frozen')
    registerError(two, 'test/Frozen')
    expect(Object.hasOwn(one, Symbol.hasInstance)).toBe(false)
    expect(new Error('x')).toBeInstanceOf(two)
  })
})

describe('copies of greenroom', () => {
  /** The folder that classes are in, loaded once more from another place. */
  async function loadCopy(): Promise<{ errors: typeof errors; registerError: typeof registerError }> {
    const folder = mkdtempSync(join(tmpdir(), 'greenroom-copy-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(new URL('../../node', import.meta.url), join(folder, 'node'), { recursive: true })
    const url = (file: string): string => pathToFileURL(join(folder, 'node', file)).href
    const copy = (await import(url('error-classes.ts'))) as { registerError: typeof registerError }
    return { errors: (await import(url('errors.ts'))) as typeof errors, registerError: copy.registerError }
  }

  test('recognise each other’s errors', async () => {
    const copy = await loadCopy()
    expect(copy.errors.Cancelled).not.toBe(Cancelled)
    const theirs = new copy.errors.Cancelled('donny', 'enough')
    expect(theirs).toBeInstanceOf(Cancelled)
    expect(theirs).toBeInstanceOf(GreenroomError)
    expect(theirs).not.toBeInstanceOf(DeadlineExceeded)
    expect(new Cancelled('donny', 'enough')).toBeInstanceOf(copy.errors.Cancelled)
    expect(new DeadlineExceeded(1)).toBeInstanceOf(copy.errors.GreenroomError)
    expect(errorClass('greenroom/Cancelled')).toBe(Cancelled)
  })

  test('know each other’s registered classes', async () => {
    const copy = await loadCopy()
    class Elsewhere extends copy.errors.GreenroomError {}
    copy.registerError(Elsewhere)
    expect(errorClass('Elsewhere')).toBe(Elsewhere)
  })

  test('a built package beside its sources is one of them', { timeout: 120_000 }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'greenroom-built-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const tsc = join(root, 'node_modules', '.bin', 'tsc')
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const built = spawnSync(tsc, ['-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist')], {
      cwd: root,
      encoding: 'utf8',
    })
    expect(built.stdout + built.stderr).toBe('')
    const program = `
      import { Cancelled as Built, registerError as registerBuilt } from '${pathToFileURL(join(folder, 'dist/index.js')).href}'
      import { Cancelled, registerError } from '${pathToFileURL(join(root, 'index.ts')).href}'
      const there = class SoldOut extends Error {}, here = class SoldOut extends Error {}
      registerBuilt(there)
      registerError(here)
      console.log(Built !== Cancelled, new Built('a', 'b') instanceof Cancelled, new there() instanceof here)
    `
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(stdout + stderr).toBe('true true true\n')
  })
})

test.each([
  ['a class that is no Error', class Film {}, 'a class that extends Error'],
  ['no class', 'SoldOut', 'a class that extends Error'],
  ['an arrow function', () => {}, 'a class that extends Error'],
  ['Error itself', Error, 'a class that extends Error'],
  ['a class without a name', class extends Error {}, 'a class with a name'],
])('%s is refused', (_, Class, message) => {
  if (message.includes('name')) Object.defineProperty(Class, 'name', { value: '' })
  expect(() => registerError(Class as never)).toThrow(message)
})

test.each(['', 'x'.repeat(MAX_CLASS_ID + 1), 7])('the id %j is refused', (id) => {
  expect(() => registerError(class Named extends Error {}, id as string)).toThrow(InvalidArgument)
})

test('more than MAX_ERROR_CLASSES are refused: the table does not grow without end', () => {
  const register = (): void => {
    for (let i = 0; i <= MAX_ERROR_CLASSES; i++) registerError({ [`E${i}`]: class extends Error {} }[`E${i}`]!)
  }
  expect(register).toThrow(`more than ${MAX_ERROR_CLASSES} error classes are registered`)
})

test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'globalThis', ''])(
  'the name %j from a peer finds nothing',
  (name) => {
    expect(errorClass(name)).toBeUndefined()
  },
)
