import { types } from 'node:util'

/** What to send in the stead of objects of the platform, which are more than their properties. */
const ADVICE: Readonly<Record<string, string>> = {
  URL: 'send its text',
  URLSearchParams: 'send its text',
  Instant: 'send its text: String(instant)',
  PlainDate: 'send its text: String(date)',
  ZonedDateTime: 'send its text: String(time)',
  Headers: 'send its entries: [...headers]',
  FormData: 'send its entries: [...form]',
  Request: 'send its URL, headers and body',
  Response: 'send its status, headers and body',
  Blob: 'send its bytes: await blob.bytes()',
  File: 'send its name and its bytes: await file.bytes()',
  AbortSignal: 'pass it to portal.with({ signal })',
  AbortController: 'pass its signal to portal.with({ signal })',
  KeyObject: 'export it, and think twice',
  CryptoKey: 'export it, and think twice',
  Module: 'send its bytes and compile them there',
}
const STREAM_ADVICE = 'only an async argument itself, or what an `async function*` yields, is streamed'

/**
 * Why an object cannot travel to another actor, or nothing when it can, its parts aside. Touches no proxy and runs no
 * getter of the object.
 */
export function refusal(object: object): string | undefined {
  if (types.isProxy(object)) return 'a proxy'
  if (Array.isArray(object)) return undefined
  if (types.isMap(object) || types.isSet(object) || types.isDate(object) || types.isRegExp(object)) return undefined
  if (types.isBoxedPrimitive(object) || types.isNativeError(object) || object instanceof Error) return undefined
  if (types.isAnyArrayBuffer(object) || ArrayBuffer.isView(object)) return bytesRefusal(object)
  if (types.isPromise(object)) return 'a promise (await it first)'
  if (types.isGeneratorObject(object)) return `a generator (${STREAM_ADVICE})`
  if (types.isWeakMap(object) || types.isWeakSet(object) || object instanceof WeakRef) return 'a weak reference'
  if (types.isModuleNamespaceObject(object)) return 'a module'
  if (Symbol.asyncIterator in object || object instanceof ReadableStream) return `an async iterable (${STREAM_ADVICE})`
  if (object instanceof Iterator) return 'an iterator (send an array of what it gives)'
  const platform = platformClass(object)
  if (platform === undefined) return undefined
  return `${/^[AEIO]/.test(platform) ? 'an' : 'a'} ${platform} (${ADVICE[platform] ?? 'send plain data that it can be made of again'})`
}

function bytesRefusal(object: ArrayBuffer | SharedArrayBuffer | ArrayBufferView): string | undefined {
  const buffer = ArrayBuffer.isView(object) ? object.buffer : object
  if (types.isSharedArrayBuffer(buffer)) return 'shared memory (send a copy of its bytes)'
  if ((buffer as ArrayBuffer).detached) return 'a buffer that was transferred away'
  return ArrayBuffer.isView(object) && isOutOfBounds(object)
    ? 'a view that its buffer has become too short for'
    : undefined
}

function isOutOfBounds(view: ArrayBufferView): boolean {
  try {
    if (view instanceof DataView) return view.byteLength < 0
    Object.getPrototypeOf(Uint8Array.prototype).keys.call(view)
    return false
  } catch {
    return true
  }
}

/** The name of the platform's class that an object is of: its private state would be lost on the way. */
function platformClass(object: object): string | undefined {
  if (types.isKeyObject(object)) return 'KeyObject'
  if (types.isCryptoKey(object)) return 'CryptoKey'
  if (types.isExternal(object)) return 'External'
  let prototype: object | null = Object.getPrototypeOf(object)
  while (prototype !== null) {
    if (types.isProxy(prototype)) return 'Proxy'
    const above: object | null = Object.getPrototypeOf(prototype)
    // The last one is `Object.prototype`, of whatever realm.
    if (above === null) return undefined
    const name = nameOfPlatformClass(prototype)
    if (name !== undefined) return name
    prototype = above
  }
  return undefined
}

function nameOfPlatformClass(prototype: object): string | undefined {
  const Class: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
  if (typeof Class !== 'function') return undefined
  const { name } = Class
  if (isNative(Class) || isGlobal(name, Class) || isNodeCloneable(prototype)) return name
  return undefined
}

const isNative = (Class: Function): boolean => Function.prototype.toString.call(Class).endsWith('{ [native code] }')

const isGlobal = (name: string, Class: Function): boolean =>
  /^[A-Z]/.test(name) && (globalThis as Record<string, unknown>)[name] === Class

/** Node marks what its own `structuredClone` knows more of with symbols that it does not export. */
const isNodeCloneable = (prototype: object): boolean =>
  Object.getOwnPropertySymbols(prototype).some(({ description }) => description?.startsWith('messaging_') === true)
