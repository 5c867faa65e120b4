import { within } from './within.ts'

/** What is told until a condition holds; following is left then. */
export async function toldUntil<T>(
  items: AsyncGenerator<T, void>,
  enough: (all: readonly T[]) => boolean,
): Promise<T[]> {
  const all: T[] = []
  const read = async (): Promise<void> => {
    for await (const item of items) {
      all.push(item)
      if (enough(all)) return
    }
  }
  await within('what is followed', read())
  return all
}
