import type { ActorView } from '../model/mesh-model.ts'
import type { Span } from './line.ts'

/** Milliseconds that all but a hundredth of its timers come late from which an actor is called late. */
const LATE_LOOP_MS = 100

/** How an actor is, in a word, the worst thing first. */
export function healthOf({ member, silent, vitals }: ActorView): Span {
  if (member.status === 'suspect') return { text: 'SUSPECT', tone: 'bad' }
  if (silent !== undefined) return { text: 'SILENT', tone: 'bad' }
  if (member.status === 'leaving') return { text: 'leaving', tone: 'warn' }
  if (vitals === undefined) return { text: 'unasked', tone: 'dim' }
  if ((vitals.eventLoop.delayMs?.p99 ?? 0) >= LATE_LOOP_MS) return { text: 'late', tone: 'warn' }
  if (!vitals.discovery.joined) return { text: 'joining', tone: 'warn' }
  // only roots watch each other
  if (member.parent === null && (vitals.discovery.stretch > 1 || vitals.discovery.heard < 1))
    return { text: 'unsure', tone: 'warn' }
  return { text: 'up', tone: 'good' }
}
