import { expose } from '../index.ts'

export function echo(value: unknown): unknown {
  return value
}

export async function* count(items: number): AsyncGenerator<number> {
  for (let i = 0; i < items; i++) yield i
}

export const actors = expose(import.meta, { echo, count }, 'bench')
