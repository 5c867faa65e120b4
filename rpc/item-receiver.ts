import { noteBuffer } from '../node/young-memory.ts'
import { ProtocolError } from '../node/errors.ts'
import type { Reserve } from './assembly-budget.ts'
import { decode } from './codec.ts'
import { WINDOW_BYTES, WINDOW_ITEMS } from './item-sender.ts'
import { ITEM, MAX_PIECE_BYTES, MAX_VALUE_BYTES, PIECE_BYTES, parseStreamFrame } from './protocol.ts'
import { streamTurns } from './turn-line.ts'

/** A large item of which the first pieces are there. */
interface Assembly {
  readonly total: number
  /** Pieces that came before there was memory for the whole. */
  pieces: Uint8Array[]
  whole: Uint8Array | undefined
  received: number
  /** Bytes of credit that the pieces cost so far. */
  cost: number
  release: (() => void) | undefined
}

/** What a receiver asks of the stream that it belongs to. */
export interface ReceiverOwner {
  grant(items: number, bytes: number): void
  /** Memory for a large item. */
  reserve: Reserve
  /** The peer broke the protocol. */
  fail(error: Error): void
}

/**
 * The receiving half of a stream: items queue up to a window, and the sender gets new credits as they are taken.
 *
 * A large item comes in pieces. What is above a window of it is asked for once somebody waits for the item, and there is
 * memory for the whole in the peer's budget: items that nobody reads hold none of it.
 */
export class ItemReceiver {
  readonly #owner: ReceiverOwner
  readonly #readers = streamTurns('reads wait on one stream')
  #values: unknown[] = []
  /** Bytes of credit that taking an item gives back; of a frame with several items the last one does. */
  #costs: number[] = []
  #head = 0
  #queuedBytes = 0
  #received = 0
  #takenItems = 0
  #takenBytes = 0
  #assembly: Assembly | undefined
  /** Gives back the memory of a large item that is whole and waits to be taken: at most one is. */
  #release: (() => void) | undefined
  #ended = false
  #endedBecause: Error | undefined
  #awaitsFailure = false

  constructor(owner: ReceiverOwner) {
    this.#owner = owner
  }

  /** Items so far. */
  get received(): number {
    return this.#received
  }

  /** Items that wait to be taken. */
  get queued(): number {
    return this.#values.length - this.#head
  }

  /** The other side has sent all. */
  get ended(): boolean {
    return this.#ended
  }

  /** The next item if one is there. */
  takeQueued(): IteratorResult<unknown, undefined> | undefined {
    const at = this.#head
    if (at === this.#values.length) return undefined
    const value = this.#values[at]
    const cost = this.#costs[at]!
    this.#head = at + 1
    if (this.#head === this.#values.length) {
      this.#values = []
      this.#costs = []
      this.#head = 0
    } else this.#values[at] = undefined
    this.#taken(cost)
    return { done: false, value }
  }

  /** The next item, as iterators give it. A cancel point. @throws Error how the stream broke */
  next(): IteratorResult<unknown, undefined> | Promise<IteratorResult<unknown, undefined>> {
    return this.#take() ?? this.#takeLater()
  }

  onItem(value: unknown, bytes: number): void {
    this.#admit(1, bytes)
    this.#values.push(value)
    this.#costs.push(bytes)
    this.#readers.wake()
  }

  onItems(values: readonly unknown[], bytes: number): void {
    this.#admit(values.length, bytes)
    for (const value of values) {
      this.#values.push(value)
      this.#costs.push(0)
    }
    this.#costs[this.#costs.length - 1] = bytes
    this.#readers.wake(values.length)
  }

  /** @param total of the whole item, with its first piece @throws ProtocolError when it is not what was announced */
  onPiece(piece: Uint8Array, total: number | undefined, bytes: number): void {
    if (this.#assembly === undefined) {
      if (total === undefined || total <= MAX_PIECE_BYTES || total > MAX_VALUE_BYTES)
        throw new ProtocolError(`an item in pieces has ${total ?? 'an unknown number of'} bytes`)
      this.#admit(1, bytes)
      this.#assembly = { total, pieces: [], whole: undefined, received: 0, cost: 0, release: undefined }
    } else {
      if (total !== undefined) throw new ProtocolError('an item in pieces began inside another one')
      this.#admit(0, bytes)
    }
    const assembly = this.#assembly
    const due = Math.min(PIECE_BYTES, assembly.total - assembly.received)
    if (piece.byteLength !== due)
      throw new ProtocolError(`a piece of ${piece.byteLength} bytes came where ${due} were due`)
    if (assembly.whole === undefined) {
      assembly.pieces.push(piece)
      assembly.cost += bytes
      assembly.received += piece.byteLength
      if (this.#readers.length > 0) this.#demand()
      return
    }
    assembly.whole.set(piece, assembly.received)
    assembly.received += piece.byteLength
    this.#queuedBytes -= bytes
    this.#giveBack(0, bytes)
    this.#complete(assembly)
  }

  /** @param awaitsFailure readers wait for a failure that comes another way */
  onEnd(count: number, awaitsFailure: boolean): void {
    if (count !== this.#received) throw new ProtocolError(`${count} items were sent and ${this.#received} arrived`)
    if (this.#assembly !== undefined) throw new ProtocolError('the stream ended inside an item')
    this.#ended = true
    this.#awaitsFailure = awaitsFailure
    this.#readers.wakeAll()
  }

  /** No item follows: whoever has read those that are there gets the error. */
  fail(error: Error): void {
    this.#endedBecause ??= error
    this.#forgetAssembly()
    this.#readers.wakeAll()
  }

  /** Forgets what is queued: nobody reads it. */
  drop(): void {
    this.#values = []
    this.#costs = []
    this.#head = 0
    this.#forgetAssembly()
    this.#release?.()
  }

  #take(): IteratorResult<unknown, undefined> | undefined {
    const item = this.takeQueued()
    if (item !== undefined) return item
    if (this.#endedBecause !== undefined) throw this.#endedBecause
    if (this.#ended && !this.#awaitsFailure) return { done: true, value: undefined }
    return undefined
  }

  async #takeLater(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      const turn = this.#readers.wait()
      this.#demand()
      await turn
      const result = this.#take()
      if (result !== undefined) return result
    }
  }

  #admit(items: number, bytes: number): void {
    const pieces = this.#assembly === undefined ? 0 : 1
    const under = this.#values.length - this.#head + pieces + this.#takenItems
    if (this.#ended || under + items > WINDOW_ITEMS || this.#queuedBytes + this.#takenBytes > WINDOW_BYTES)
      throw new ProtocolError('an item was sent without credit')
    if (items > 0 && pieces > 0) throw new ProtocolError('an item came inside another one')
    this.#received += items
    this.#queuedBytes += bytes
  }

  #taken(bytes: number): void {
    // A large item is whole only once somebody waits at an empty queue: it is the first one to be taken.
    this.#release?.()
    this.#queuedBytes -= bytes
    this.#giveBack(1, bytes)
    if (this.#readers.length > 0) this.#demand()
  }

  /** Grants come when half of the items or a quarter of the bytes of a window were taken: one frame for many items. */
  #giveBack(items: number, bytes: number): void {
    this.#takenItems += items
    this.#takenBytes += bytes
    if (this.#ended || (this.#takenItems < WINDOW_ITEMS / 2 && this.#takenBytes < WINDOW_BYTES / 4)) return
    const [takenItems, takenBytes] = [this.#takenItems, this.#takenBytes]
    this.#takenItems = 0
    this.#takenBytes = 0
    this.#owner.grant(takenItems, takenBytes)
  }

  /** Somebody waits for the item that comes in pieces. */
  #demand(): void {
    const assembly = this.#assembly
    const queued = this.#values.length - this.#head
    if (assembly === undefined || assembly.release !== undefined || queued > 0) return
    let granted = false
    const release = this.#owner.reserve(assembly.total, () => {
      granted = true
      // With the memory there at once, what follows waits until it can be given back.
      if (assembly.release !== undefined) this.#assemble(assembly)
    })
    assembly.release = release
    if (granted) this.#assemble(assembly)
  }

  #assemble(assembly: Assembly): void {
    if (this.#assembly !== assembly) return
    noteBuffer(assembly.total)
    const whole = new Uint8Array(assembly.total)
    let at = 0
    for (const piece of assembly.pieces) {
      whole.set(piece, at)
      at += piece.byteLength
    }
    assembly.whole = whole
    assembly.pieces = []
    this.#queuedBytes -= assembly.cost
    this.#giveBack(0, assembly.cost)
    try {
      this.#complete(assembly)
    } catch (error) {
      this.#owner.fail(error as Error)
    }
  }

  #complete(assembly: Assembly): void {
    if (assembly.received < assembly.total || assembly.whole === undefined) return
    const frame = parseStreamFrame(decode(assembly.whole))
    if (frame.type !== ITEM) throw new ProtocolError('what came in pieces is no item')
    this.#assembly = undefined
    this.#release = () => {
      this.#release = undefined
      assembly.release?.()
    }
    this.#values.push(frame.value)
    this.#costs.push(0)
    this.#readers.wake()
  }

  #forgetAssembly(): void {
    this.#assembly?.release?.()
    this.#assembly = undefined
  }
}
