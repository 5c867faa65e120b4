import { randomBytes } from 'node:crypto'
import { checkMetadata, type MetadataOptions } from '../discovery/metadata.ts'
import { checkActorName } from '../node/actor-name.ts'
import { outsideScopes } from '../node/cancel-scope.ts'
import { GreenroomError, InvalidArgument, LimitExceeded } from '../node/errors.ts'
import { privateMesh } from '../nursery/runtime-options.ts'
import { startRuntime } from '../nursery/start-runtime.ts'
import { serveBuiltins } from '../nursery/builtins.ts'
import { passOverStrayEchoes } from '../nursery/stray-echoes.ts'
import { checkModules, type ExposedModule } from '../rpc/exposed.ts'
import { TREE_KEY_BYTES } from '../rpc/kinship.ts'
import { transferable } from '../rpc/transferable.ts'
import { eventually } from './eventually.ts'
import { InProcessCarriers } from './in-process-carriers.ts'
import { startMemoryHost } from './memory-host.ts'
import { LiveActor, type TestActor } from './test-actor.ts'

/** Actors that a test may start; beyond that the one process is what is tested. */
export const MAX_TEST_ACTORS = 16
/** Milliseconds in which the whole mesh has to know who came, or who is gone. */
const KNOWN_WITHIN_MS = 30_000
/** Others that a newcomer is told of; gossip tells it of the rest. */
const INTRODUCED = 3

/** What an actor of a test serves, and says of itself. */
export interface TestActorOptions extends MetadataOptions {
  /** What others may call in it, as `expose` gave it; default nothing. */
  readonly modules?: readonly ExposedModule[]
  readonly statespace?: Record<string, unknown>
}

/** A mesh in one process. */
export interface TestMesh extends AsyncDisposable {
  /** Those that were started by {@link startActor} and have not ended. */
  readonly actors: readonly TestActor[]
  /**
   * Starts a root of the mesh; resolves when the whole mesh knows it.
   *
   * @param name 1 to 256 bytes; several may have the same
   * @throws InvalidArgument, LimitExceeded for more than 16
   */
  startActor(name: string, options?: TestActorOptions): Promise<TestActor>
  /** Runs a function as the test's own actor, a root named `test`. */
  act<T>(body: () => T | Promise<T>): Promise<T>
}

/**
 * Opens a mesh in this process: real actors, elections, calls and streams, encrypted as ever, over libp2p's memory transport. No
 * port is opened, no file is written, no process is started: what `startActor` and `runInActor` of a nursery start lives in this
 * process as well, so that the actors share the state of their modules. Disposing ends all of them.
 *
 * @throws InvalidArgument while a test runner fakes `setTimeout`: connections would stand still
 * @example
 * ```ts
 * await using mesh = await openTestMesh()
 * const frank = await mesh.startActor('frank', { modules: [theatre] })
 * console.log(await frank.portal.run(movieTheatreQuestion))
 * ```
 */
export async function openTestMesh(): Promise<TestMesh> {
  if ('clock' in setTimeout)
    throw new InvalidArgument(
      'setTimeout is faked, and a mesh stands still with it: fake Date alone, as in vi.useFakeTimers({ toFake: ["Date"] }), and let fakeClock() fake what actors sleep',
    )
  const mesh = new InProcessMesh()
  await mesh.open()
  return mesh
}

class InProcessMesh implements TestMesh {
  readonly #own = privateMesh()
  readonly #actors: LiveActor[] = []
  readonly #carriers = new InProcessCarriers()
  readonly #release = passOverStrayEchoes()
  #starting = 0
  #test: LiveActor | undefined

  get actors(): readonly TestActor[] {
    return this.#actors.filter((actor) => actor !== this.#test)
  }

  async open(): Promise<void> {
    try {
      this.#test = await this.#start('test', {})
    } catch (error) {
      this.#release()
      throw error
    }
  }

  async startActor(name: string, options: TestActorOptions = {}): Promise<TestActor> {
    if (this.#test === undefined) throw new GreenroomError('NO_ACTOR', 'the mesh of this test is closed')
    return await this.#start(name, options)
  }

  async act<T>(body: () => T | Promise<T>): Promise<T> {
    if (this.#test === undefined) throw new GreenroomError('NO_ACTOR', 'the mesh of this test is closed')
    return await this.#test.act(body)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const actors = this.#actors.splice(0).toReversed()
    this.#test = undefined
    await Promise.all(actors.map(async ({ runtime }) => await runtime.stop('the test is over')))
    this.#release()
  }

  async #start(name: string, options: TestActorOptions): Promise<LiveActor> {
    checkActorName(name)
    const { modules = [], statespace = {} } = options
    checkModules(modules)
    transferable(statespace, 'statespace')
    const metadata = checkMetadata(options)
    if (this.#actors.length + this.#starting > MAX_TEST_ACTORS)
      throw new LimitExceeded('MAX_TEST_ACTORS', `${MAX_TEST_ACTORS} actors of this test are up`)
    this.#starting++
    try {
      // a mesh outlives the block that opened it, and none of its actors is part of another one
      return await outsideScopes(async () => {
        const { identity, host } = await startMemoryHost(this.#own.secrets)
        const runtime = await startRuntime({
          ...this.#own,
          name,
          identity,
          host,
          modules,
          statespace: structuredClone(statespace),
          metadata,
          treeKey: new Uint8Array(randomBytes(TREE_KEY_BYTES)),
          profile: 'loopback',
          stacks: 'tree',
          startMethod: 'thread',
          warmActors: 1,
          depth: 0,
          join: this.#actors
            .slice(0, INTRODUCED)
            .map(({ runtime: { self } }) => ({ peerId: self.id, addrs: self.addresses, eager: true })),
          sharesProcess: true,
          carriers: this.#carriers,
        })
        serveBuiltins(runtime)
        this.#carriers.add(runtime)
        const caller = this.#test?.runtime.rpc ?? runtime.rpc
        const actor = new LiveActor(
          runtime,
          caller,
          async () => await host.stop(),
          async (ended) => await this.#forget(ended),
        )
        this.#actors.push(actor)
        await this.#untilAllKnow(`that '${name}' is there`, (known) => known(actor.id))
        return actor
      })
    } finally {
      this.#starting--
    }
  }

  async #forget(ended: LiveActor): Promise<void> {
    const at = this.#actors.indexOf(ended)
    if (at < 0) return
    this.#actors.splice(at, 1)
    await this.#untilAllKnow(`that '${ended.name}' is gone`, (known) => !known(ended.id))
  }

  async #untilAllKnow(what: string, holds: (known: (id: string) => boolean) => boolean): Promise<void> {
    const unaware = (): string[] =>
      this.#actors
        .filter(({ runtime }) => !runtime.scope.cancelled)
        .filter(({ runtime }) => !holds((id) => runtime.discovery.state.registry.get(id) !== undefined))
        .map(({ name }) => name)
    await eventually(
      `the mesh knows ${what}`,
      () => {
        const names = unaware()
        if (names.length > 0) throw new Error(`${names.join(', ')} did not know`)
        return true
      },
      KNOWN_WITHIN_MS,
    )
  }
}
