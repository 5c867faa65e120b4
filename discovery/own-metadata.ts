import { InvalidArgument, LimitExceeded } from '../node/errors.ts'
import { checkGroup, checkTags, MAX_GROUPS, type Metadata } from './metadata.ts'

/** What this actor says of itself, as it changes while the actor runs. */
export class OwnMetadata {
  /** Groups by name, with how many memberships keep the actor in each. */
  readonly #memberships = new Map<string, number>()
  #value: Metadata
  #check: (next: Metadata) => void = () => {}
  #changed: () => void = () => {}

  constructor(initial: Metadata) {
    this.#value = initial
    for (const group of initial.groups ?? []) this.#memberships.set(group, 1)
  }

  get value(): Metadata {
    return this.#value
  }

  /**
   * Links it to the record that it is part of.
   *
   * @param check throws when the record would be too large; nothing changes then
   * @param changed called when the record has to be signed anew
   */
  link(check: (next: Metadata) => void, changed: () => void): void {
    this.#check = check
    this.#changed = changed
  }

  /** @throws InvalidArgument with the path to what cannot be used */
  setTags(tags: readonly string[]): void {
    const checked = checkTags(tags)
    const now = this.#value.tags ?? []
    if (now.length === checked.length && now.every((tag, index) => tag === checked[index])) return
    this.#change({ ...this.#value, tags: checked })
  }

  /** Joins a group; gives the function that leaves it, which acts once. @throws LimitExceeded above `MAX_GROUPS` groups */
  join(group: string): () => void {
    checkGroup(group)
    const others = this.#memberships.get(group) ?? 0
    if (others === 0) {
      if (this.#memberships.size >= MAX_GROUPS)
        throw new LimitExceeded('MAX_GROUPS', `'${group}' would be one group more than the ${MAX_GROUPS} of an actor`)
      this.#setGroups([...this.#memberships.keys(), group])
    }
    this.#memberships.set(group, others + 1)
    let left = false
    return () => {
      if (left) return
      left = true
      this.#leave(group)
    }
  }

  #leave(group: string): void {
    const others = (this.#memberships.get(group) ?? 0) - 1
    if (others > 0) {
      this.#memberships.set(group, others)
      return
    }
    this.#memberships.delete(group)
    this.#setGroups([...this.#memberships.keys()])
  }

  #setGroups(groups: readonly string[]): void {
    this.#change({ ...this.#value, groups: groups.toSorted() })
  }

  #change(next: Metadata): void {
    try {
      this.#check(next)
    } catch (cause) {
      throw new InvalidArgument(
        'tags and groups, with the name, the modules and the addresses of this actor, do not fit into its record: use fewer or shorter ones',
        { cause },
      )
    }
    this.#value = next
    this.#changed()
  }
}
