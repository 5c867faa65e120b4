import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { describeError, GreenroomError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import type { MeshSecrets } from '../node/mesh-secrets.ts'
import { decode, encode } from '../rpc/codec.ts'
import type { Ledger, Teller } from './ledger.ts'
import {
  encodeSummary,
  type LedgerNews,
  type LedgerSummary,
  packNews,
  readSummary,
  summaryOf,
  unpackNews,
} from './ledger-messages.ts'
import { compareRotations } from './rotation.ts'

/** What two roots compare their ledgers by. */
export const LEDGER_PROTOCOL = '/greenroom/ledger/1'
/** Bytes of one message of it. */
export const MAX_LEDGER_BYTES: number = 1024 * 1024
/** Milliseconds that one comparison may take. */
export const EXCHANGE_TIMEOUT_MS = 5_000
/** Comparisons that others have asked for at a time; more are turned away. */
export const MAX_EXCHANGES = 64

type Frames = ReturnType<typeof lpStream>

/** What a root hears of others' ledgers. */
export interface LedgerListener {
  /** What another one told, to be merged before it returns. */
  onNews(news: LedgerNews, from: Teller): void
  /** Another one has a later secret, and did not tell it. */
  onWithheld(rotation: NonNullable<LedgerSummary['rotation']>, from: Teller): void
}

/** Compares the ledger of this root with those of others, and tells each side what it lacks and may know. */
export class LedgerExchange {
  readonly #host: Host
  readonly #ledger: Ledger
  readonly #secrets: MeshSecrets
  readonly #listener: LedgerListener
  readonly #closing = new AbortController()
  #answering = 0

  constructor(host: Host, ledger: Ledger, secrets: MeshSecrets, listener: LedgerListener) {
    this.#host = host
    this.#ledger = ledger
    this.#secrets = secrets
    this.#listener = listener
  }

  async listen(): Promise<void> {
    await this.#host.handle(LEDGER_PROTOCOL, (stream, peer) => {
      if (this.#answering >= MAX_EXCHANGES || this.#closing.signal.aborted) {
        stream.abort(new Error(`${MAX_EXCHANGES} comparisons of ledgers are under way`))
        return
      }
      this.#answering++
      void this.#answer(stream, peer).finally(() => this.#answering--)
    })
  }

  /** Compares with a root that is connected; gives whether both have the same now, as far as they may. Never rejects. */
  async compareWith(peer: string): Promise<boolean> {
    if (!this.#host.isConnected(peer)) return false
    const signal = this.#signal()
    try {
      const connection = await this.#host.connect(peer, [], signal)
      const stream = await connection.newStream(LEDGER_PROTOCOL, { signal })
      await this.#over(stream, peer, signal, async (frames, from) => {
        await frames.write(encodeSummary(summaryOf(this.#ledger)), { signal })
        const answer = decode((await frames.read({ signal })).subarray())
        if (!Array.isArray(answer) || answer.length !== 2) throw new GreenroomError('BAD_LEDGER', 'the answer is none')
        const theirs = readSummary(answer[0] as Uint8Array)
        const news = this.#newsFor(theirs, from)
        this.#hear(answer[1], theirs, from)
        await frames.write(encode(packNews(news)).slice(), { signal })
        // it has merged that when it closes its side
        await frames.read({ signal })
      })
      return true
    } catch (error) {
      areaLog('discovery').debug(`no comparison of ledgers with ${peer.slice(-8)}: ${describeError(error)}`)
      return false
    }
  }

  close(): void {
    this.#closing.abort(new Error('the actor ends'))
  }

  async #answer(stream: Stream, peer: string): Promise<void> {
    const signal = this.#signal()
    try {
      await this.#over(stream, peer, signal, async (frames, from) => {
        const theirs = readSummary((await frames.read({ signal })).subarray())
        const news = packNews(this.#newsFor(theirs, from))
        await frames.write(encode([encodeSummary(summaryOf(this.#ledger)), news]).slice(), { signal })
        const told = decode((await frames.read({ signal })).subarray())
        this.#hear(told, theirs, from)
        await frames.write(encode('done').slice(), { signal })
      })
    } catch (error) {
      areaLog('discovery').debug(`${peer.slice(-8)} compared no ledgers: ${describeError(error)}`)
    }
  }

  async #over(
    stream: Stream,
    peer: string,
    signal: AbortSignal,
    talk: (frames: Frames, from: Teller) => Promise<void>,
  ): Promise<void> {
    const frames = lpStream(stream, { maxDataLength: MAX_LEDGER_BYTES })
    try {
      await talk(frames, { id: peer, hasNewest: this.#secrets.hasNewest(peer) })
      await stream.close({ signal })
    } catch (error) {
      stream.abort(error as Error)
      throw error
    }
  }

  #hear(told: unknown, theirs: LedgerSummary, from: Teller): void {
    const news = unpackNews(told, this.#ledger.mesh, Date.now())
    this.#listener.onNews(news, from)
    if (news.rotation === undefined && theirs.rotation !== undefined && this.#ledger.isBehind(theirs.rotation))
      this.#listener.onWithheld(theirs.rotation, from)
  }

  /** Taken at one moment, before anything of the other side is merged. */
  #newsFor(theirs: LedgerSummary, to: Teller): LedgerNews {
    const { rotation, words } = this.#ledger
    const isNews =
      rotation !== undefined &&
      (theirs.rotation === undefined || compareRotations(rotation.rotation, theirs.rotation) > 0)
    const differs = !Buffer.from(theirs.bans).equals(summaryOf(this.#ledger).bans)
    return {
      rotation: isNews && this.#ledger.mayKnow(to) ? rotation : undefined,
      bans: differs ? words : [],
    }
  }

  #signal(): AbortSignal {
    return AbortSignal.any([AbortSignal.timeout(EXCHANGE_TIMEOUT_MS), this.#closing.signal])
  }
}
