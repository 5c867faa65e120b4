import { inspect } from 'node:util'
import { checkMetadata, type MetadataOptions } from '../../discovery/metadata.ts'
import { checkActorName } from '../../node/actor-name.ts'
import { InvalidArgument } from '../../node/errors.ts'
import { checkLogLevel } from '../../node/log.ts'
import { MAX_TIMEOUT_MS } from '../../node/scopes.ts'
import { checkStackPolicy, TREE_KEY_BYTES } from '../../rpc/kinship.ts'
import { BOOT_TIMEOUT_MS } from '../actor-process.ts'
import { checkLimits } from '../limits.ts'
import { checkStartMethod } from '../start-method.ts'
import { checkWarmActors } from '../warm-pool.ts'
import { checkModuleName } from './module-name.ts'
import { MAX_LOST_AFTER_MS, MIN_BEAT_MS } from './placement-times.ts'
import { MAX_PLACED_ADDRESSES, MAX_PLACED_MODULES, type ModuleName, type SpawnOrder } from './spawn-protocol.ts'

type Unchecked = { readonly [Field in keyof SpawnOrder]?: unknown }

/**
 * Checks every field of what somebody wants to be started here.
 *
 * @throws GreenroomError naming the field and what it should be
 */
export function checkOrder(wire: unknown): SpawnOrder {
  const order = object<Unchecked>('order', wire)
  const { name, statespace, metadata, logLevel, limits, treeKey, stacks, startMethod, warmActors } = order
  const owner = object<{ name?: unknown; addresses?: unknown }>('owner', order.owner)
  checkActorName(name as string)
  checkActorName(owner.name as string)
  checkLogLevel(logLevel as SpawnOrder['logLevel'])
  checkStackPolicy(stacks as SpawnOrder['stacks'])
  checkStartMethod(startMethod as SpawnOrder['startMethod'])
  checkWarmActors(warmActors as number)
  const checkedLimits = object<SpawnOrder['limits']>('limits', limits)
  checkLimits(checkedLimits, 'process')
  if ((checkedLimits.nice ?? 0) < 0) throw new InvalidArgument('limits.nice is at least 0 on another host')
  if (!(treeKey instanceof Uint8Array && treeKey.byteLength === TREE_KEY_BYTES))
    throw new InvalidArgument(`treeKey has ${TREE_KEY_BYTES} bytes`)
  const beatMs = ms('beatMs', order.beatMs, MIN_BEAT_MS, MAX_LOST_AFTER_MS)
  return {
    owner: {
      name: owner.name as string,
      addresses: list('owner.addresses', owner.addresses, MAX_PLACED_ADDRESSES).map((one) => text('address', one)),
    },
    name: name as string,
    modules: list('modules', order.modules, MAX_PLACED_MODULES).map(moduleIn),
    statespace: object<Record<string, unknown>>('statespace', statespace),
    metadata: checkMetadata(object<MetadataOptions>('metadata', metadata)),
    logLevel: logLevel as SpawnOrder['logLevel'],
    graceMs: ms('graceMs', order.graceMs, 0, MAX_TIMEOUT_MS),
    bootTimeoutMs: Math.min(BOOT_TIMEOUT_MS, ms('bootTimeoutMs', order.bootTimeoutMs, 1, MAX_TIMEOUT_MS)),
    limits: checkedLimits,
    treeKey,
    stacks: stacks as SpawnOrder['stacks'],
    startMethod: startMethod as SpawnOrder['startMethod'],
    warmActors: warmActors as number,
    trace: order.trace === undefined ? undefined : text('trace', order.trace),
    beatMs,
    lostAfterMs: ms('lostAfterMs', order.lostAfterMs, 2 * beatMs, MAX_LOST_AFTER_MS),
  }
}

function moduleIn(wire: unknown): ModuleName {
  const { name, namespace } = object<{ name?: unknown; namespace?: unknown }>('module', wire)
  return {
    name: checkModuleName(name),
    namespace: namespace === undefined ? undefined : text('namespace', namespace),
  }
}

function object<T>(what: string, value: unknown): T {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T
  throw new InvalidArgument(`${what} is an object, got ${show(value)}`)
}

function list(what: string, value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value
  throw new InvalidArgument(`${what} is a list of at most ${most}`)
}

function text(what: string, value: unknown): string {
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value
  throw new InvalidArgument(`${what} is a string of at most ${MAX_TEXT} characters, got ${show(value)}`)
}

/** Characters of an address, or of a namespace. */
const MAX_TEXT = 512

function ms(what: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && value >= least && value <= most) return value
  throw new InvalidArgument(`${what} is ${least} to ${most} milliseconds, got ${show(value)}`)
}

function show(value: unknown): string {
  return inspect(value, { depth: 0, maxStringLength: 64, breakLength: Infinity }).slice(0, 200)
}
