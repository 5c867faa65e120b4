/** One step into a value. */
export type Step =
  | { readonly index: number }
  | { readonly property: string }
  /** The value of a map's key. */
  | { readonly itemOf: unknown }
  /** An object among the keys of a map or the members of a set: which one of them has no words. */
  | { readonly among: 'keys' | 'values' }

/** Characters of a key that a path shows. */
const MAX_KEY_SHOWN = 60
/** Steps that a path shows at its beginning, and at its end. */
const STEPS_SHOWN = 10

/** Where a walk over a value is, written as code that leads there: `args[0].options["a b"].get("key")`. */
export class ValuePath {
  readonly #root: string
  readonly #steps: Step[] = []

  constructor(root: string) {
    this.#root = root
  }

  enter(step: Step): void {
    this.#steps.push(step)
  }

  leave(): void {
    this.#steps.pop()
  }

  show(): string {
    const steps = this.#steps.map(showStep)
    if (steps.length > 2 * STEPS_SHOWN) steps.splice(STEPS_SHOWN, steps.length - 2 * STEPS_SHOWN, '…')
    return this.#root + steps.join('')
  }
}

function showStep(step: Step): string {
  if ('index' in step) return `[${step.index}]`
  if ('itemOf' in step) return `.get(${showKey(step.itemOf)})`
  if ('among' in step) return `.${step.among}()`
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(step.property) && step.property.length <= MAX_KEY_SHOWN
    ? `.${step.property}`
    : `[${showKey(step.property)}]`
}

function showKey(key: unknown): string {
  if (typeof key === 'string')
    return JSON.stringify(key.length > MAX_KEY_SHOWN ? `${key.slice(0, MAX_KEY_SHOWN)}…` : key)
  if (isObject(key)) return 'an object'
  return typeof key === 'bigint' ? `${key}n` : String(key)
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
