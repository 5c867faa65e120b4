import type { Readable } from 'node:stream'
import { MAX_OUTPUT_PIECE } from './spawn-protocol.ts'

/** Bytes of output that a host keeps for an owner who is out of reach; what comes beyond them is lost, and counted. */
export const MAX_HELD_OUTPUT = 256 * 1024
/** Milliseconds in which the rest of the output has to come when a process has ended: what it had started may hold its pipes. */
export const OUTPUT_REST_MS = 250

/** Where output goes; `drained` is a promise when there is no room at the moment. */
export interface OutputWay {
  send(fd: 1 | 2, bytes: Uint8Array): void
  readonly drained: Promise<void> | undefined
}

/** What an actor writes, on its way to an owner that may be out of reach for a while. The actor never waits for that. */
export class GuestOutput {
  readonly #held: [fd: 1 | 2, bytes: Uint8Array][] = []
  readonly #sources: readonly Readable[]
  readonly #ended: Promise<unknown>
  #heldBytes = 0
  #lostBytes = 0
  #way: OutputWay | undefined
  #paused = false

  constructor(stdout: Readable, stderr: Readable) {
    this.#sources = [stdout, stderr]
    this.#ended = Promise.all(this.#sources.map((source, index) => this.#read(source, index === 0 ? 1 : 2)))
  }

  /** Sends what was held, and what comes, this way; without one it is held. */
  goBy(way: OutputWay | undefined): void {
    this.#way = way
    if (way === undefined) return this.#resume()
    for (const [fd, bytes] of this.#held.splice(0)) way.send(fd, bytes)
    if (this.#lostBytes > 0)
      way.send(2, Buffer.from(`\n${this.#lostBytes} bytes of output were lost while its owner was out of reach\n`))
    this.#heldBytes = 0
    this.#lostBytes = 0
  }

  /** Resolves when all of it was read, within a bound. */
  async rest(): Promise<void> {
    const late = Promise.withResolvers<void>()
    const timer = setTimeout(late.resolve, OUTPUT_REST_MS)
    await Promise.race([this.#ended, late.promise])
    clearTimeout(timer)
    for (const source of this.#sources) source.destroy()
  }

  async #read(source: Readable, fd: 1 | 2): Promise<void> {
    const ended = Promise.withResolvers<void>()
    source.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.byteLength; at += MAX_OUTPUT_PIECE)
        this.#pass(fd, bytes.subarray(at, at + MAX_OUTPUT_PIECE))
    })
    source.on('error', () => {})
    source.once('close', ended.resolve)
    await ended.promise
  }

  #pass(fd: 1 | 2, bytes: Uint8Array): void {
    if (this.#way === undefined) {
      if (this.#heldBytes + bytes.byteLength > MAX_HELD_OUTPUT) this.#lostBytes += bytes.byteLength
      else {
        this.#held.push([fd, bytes])
        this.#heldBytes += bytes.byteLength
      }
      return
    }
    this.#way.send(fd, bytes)
    const { drained } = this.#way
    if (drained === undefined || this.#paused) return
    this.#paused = true
    for (const source of this.#sources) source.pause()
    void drained.then(() => this.#resume())
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    for (const source of this.#sources) source.resume()
  }
}
