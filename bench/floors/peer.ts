import { answer, type Question } from '../instruments.ts'
import { type Kind, PIECE_BYTES, type Subject } from '../subject.ts'
import type { Link } from './link.ts'

// The whole protocol of the floors; frames are arrays that begin with one of these.
const ECHO = 1
const PULL = 2
const STOP = 3
const ITEM = 4
const END = 5
const ASK = 6

/** Items that leave in one write. Pieces go alone: V8 would send the same one twice as a piece and a reference to it. */
const BURST = { items: 256, pieces: 1 } as const

/** The answering end of a floor. */
export function servePeer(link: Link): void {
  let pulled = false
  const pull = async (kind: Kind): Promise<void> => {
    const piece = new Uint8Array(PIECE_BYTES)
    let count = 0
    pulled = true
    while (pulled) {
      for (let i = 0; i < BURST[kind]; i++) link.send([ITEM, kind === 'items' ? count++ : piece])
      // After the write of this burst, which is a microtask as well, it is known whether there is room.
      await Promise.resolve()
      await (link.drained() ?? turn())
    }
    link.send([END])
  }
  link.onFrame = (frame) => {
    const [type, id, value] = frame as [number, number, unknown]
    if (type === ECHO) link.send(frame)
    else if (type === STOP) pulled = false
    else if (type === PULL) void pull(value as Kind)
    else if (type === ASK) void answer(value as Question).then((number) => link.send([ECHO, id, number]))
  }
}

/** The calling end of a floor. Calls and streams have links of their own where the transport can have several. */
export class FloorSubject implements Subject {
  readonly #calls: Link
  readonly #data: Link
  readonly #pending = new Map<number, (value: unknown) => void>()
  #lastId = 0
  #take: (() => boolean) | undefined
  #ended: PromiseWithResolvers<void> | undefined

  constructor(calls: Link, data: Link) {
    this.#calls = calls
    this.#data = data
    calls.onFrame = (frame) => this.#onFrame(frame as [number, number, unknown])
    data.onFrame = calls.onFrame
  }

  echo(value: unknown): Promise<unknown> {
    return this.#request(ECHO, value)
  }

  async ask(question: Question): Promise<number> {
    return (await this.#request(ASK, question)) as number
  }

  async pull(kind: Kind, take: () => boolean): Promise<void> {
    this.#take = take
    this.#ended = Promise.withResolvers<void>()
    this.#data.send([PULL, 0, kind])
    await this.#ended.promise
  }

  #request(type: number, value: unknown): Promise<unknown> {
    const id = ++this.#lastId
    const { promise, resolve } = Promise.withResolvers<unknown>()
    this.#pending.set(id, resolve)
    this.#calls.send([type, id, value])
    return promise
  }

  #onFrame([type, id, value]: [number, number, unknown]): void {
    if (type === ITEM) {
      if (this.#take === undefined || this.#take()) return
      this.#take = undefined
      this.#data.send([STOP, 0])
    } else if (type === END) {
      this.#ended?.resolve()
    } else {
      this.#pending.get(id)?.(value)
      this.#pending.delete(id)
    }
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
