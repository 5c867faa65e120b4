import type { CancelScope } from '../node/cancel-scope.ts'
import { isEcho } from '../node/echoes.ts'
import {
  ActorDied,
  Cancelled,
  describeError,
  InvalidArgument,
  LimitExceeded,
  RemoteActorError,
} from '../node/errors.ts'
import { type Failure, failureTree } from './failure-tree.ts'

/**
 * Ends that one nursery waits for at a time: a task has one, an actor three (its process, its record, its main task).
 */
export const MAX_CHILDREN = 30_000

/** Whom one nursery waits for, and what went wrong: the first failure cancels everything else. */
export class Family {
  readonly #actor: string
  readonly #scope: CancelScope
  readonly #children = new Set<Promise<unknown>>()
  readonly #failures: Failure[] = []
  /** Ids of actors that have ended since, and because of, the nursery's cancel. */
  readonly #endedHere = new Set<string>()
  #open = true

  /** @param scope the nursery's */
  constructor(actor: string, scope: CancelScope) {
    this.#actor = actor
    this.#scope = scope
  }

  /** @throws Cancelled, InvalidArgument or LimitExceeded when no child can be started */
  assertOpen(): void {
    this.#scope.throwIfCancelled()
    if (!this.#open) throw new InvalidArgument('this nursery has ended: start children inside its block')
    if (this.#children.size >= MAX_CHILDREN)
      throw new LimitExceeded('MAX_CHILDREN', `a nursery waits for ${MAX_CHILDREN} ends of its children already`)
  }

  /** Puts a child in the books until it has ended; its failure is the nursery's. */
  adopt(child: Promise<unknown>, by?: string): void {
    this.#children.add(child)
    child.catch((error: unknown) => this.fail(error, by)).finally(() => this.#children.delete(child))
  }

  /** The first failure cancels everything else; the echoes of a cancel are no failures. */
  fail(error: unknown, by?: string): void {
    if (this.isEcho(error) || this.#failures.some((failure) => failure.error === error)) return
    this.#failures.push({ error, by })
    this.#scope.cancel(new Cancelled(this.#actor, `its nursery failed (${describeError(error)})`))
  }

  /** An actor has ended because it was asked to. */
  ended(id: string): void {
    if (this.#scope.cancelled) this.#endedHere.add(id)
  }

  /** Whether an error says nothing but that the nursery was cancelled, here or by way of an actor that it has ended. */
  isEcho(error: unknown): boolean {
    const { reason } = this.#scope
    if (reason === undefined) return false
    if (isEcho(error, reason)) return true
    if (error instanceof ActorDied) return this.#endedHere.has(error.actor.id)
    if (!(error instanceof RemoteActorError && error.cause instanceof Cancelled)) return false
    return error.cause.by === reason.by && error.cause.why === reason.why
  }

  /** Resolves when every child has ended, those that were started meanwhile included; no others can be started then. */
  async gone(): Promise<void> {
    while (this.#children.size > 0) await Promise.allSettled(this.#children)
    this.#open = false
  }

  /** @throws the failure when there is one, an AggregateError when there are more, the first one first */
  throwFailures(): void {
    const [first, ...others] = this.#failures
    if (first === undefined) return
    if (others.length === 0) throw first.error
    throw new AggregateError(
      this.#failures.map(({ error }) => error),
      failureTree(this.#actor, this.#failures),
    )
  }
}
