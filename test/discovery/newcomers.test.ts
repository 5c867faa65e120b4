import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { LedgerExchange } from '../../discovery/ledger-exchange.ts'
import { type Ledger, newLedger } from '../../discovery/ledger.ts'
import type { Host } from '../../node/host.ts'
import type { Identity } from '../../node/identity.ts'
import { MeshSecrets } from '../../node/mesh-secrets.ts'
import { startMemoryHost } from '../../testing/memory-host.ts'
import { expectNothingLeft } from '../support/expect-nothing-left.ts'

expectNothingLeft()

const secret = new Uint8Array(randomBytes(32))
const now = Date.now()

/** A root as far as its ledger goes, over real, encrypted connections. */
class Root implements AsyncDisposable {
  readonly ledger: Ledger = newLedger('studio', secret)
  readonly withheld: number[] = []
  readonly identity: Identity
  readonly #host: Host
  readonly #secrets: MeshSecrets
  readonly #exchange: LedgerExchange

  private constructor(identity: Identity, host: Host, secrets: MeshSecrets) {
    this.identity = identity
    this.#host = host
    this.#secrets = secrets
    this.#exchange = new LedgerExchange(host, this.ledger, secrets, {
      onNews: ({ rotation }, from) => {
        if (rotation !== undefined) this.ledger.mergeRotation(rotation, from, now)
        this.#secrets.set(this.ledger.secrets)
      },
      onWithheld: ({ epoch }) => this.withheld.push(epoch),
    })
  }

  static async start(): Promise<Root> {
    const secrets = new MeshSecrets(secret)
    const { identity, host } = await startMemoryHost(secrets)
    const root = new Root(identity, host, secrets)
    await root.#exchange.listen()
    return root
  }

  get id(): string {
    return this.identity.peerId
  }

  async meet(other: Root): Promise<void> {
    await this.#host.connect(other.id, other.#host.addresses(), AbortSignal.timeout(5_000))
  }

  rotate(present: readonly Root[], at: number): void {
    const ids = [this, ...present].map(({ id }) => id)
    this.ledger.rotate(60_000, ids, { id: this.id, name: 'one' }, this.identity, at)
    this.#secrets.set(this.ledger.secrets)
  }

  async compareWith(other: Root): Promise<boolean> {
    return await this.#exchange.compareWith(other.id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#exchange.close()
    await this.#host.stop()
  }
}

test('who joined before a change of the secret, unseen by whoever made it, is told by who had seen it', async () => {
  await using ada = await Root.start()
  await using bob = await Root.start()
  await using newcomer = await Root.start()
  await newcomer.meet(bob)
  await ada.meet(bob)
  await ada.meet(newcomer)
  bob.ledger.see(newcomer.id, now - 1)
  ada.rotate([bob], now)

  expect(await ada.compareWith(newcomer)).toBe(true)
  expect(newcomer.withheld).toEqual([1])
  expect(newcomer.ledger.newest).toEqual(secret)
  expect(await ada.compareWith(bob)).toBe(true)
  // whichever of the two asks
  expect(await newcomer.compareWith(bob)).toBe(true)
  expect(newcomer.ledger.newest).toEqual(ada.ledger.newest)
  expect(newcomer.withheld).toEqual([1])
})

test('who comes with the former secret after a change of it is told by nobody, hears so, and takes the next change', async () => {
  await using ada = await Root.start()
  await using bob = await Root.start()
  await using late = await Root.start()
  await ada.meet(bob)
  ada.rotate([bob], now)
  await ada.compareWith(bob)
  await late.meet(bob)
  await late.meet(ada)
  for (const root of [ada, bob]) {
    root.ledger.see(late.id, now + 1)
    await root.compareWith(late)
    await late.compareWith(root)
  }
  expect(late.withheld).toEqual([1, 1, 1, 1])
  expect(late.ledger.newest).toEqual(secret)

  ada.rotate([bob, late], now + 2)
  await ada.compareWith(late)
  expect(late.ledger.newest).toEqual(ada.ledger.newest)
})
