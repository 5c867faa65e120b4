import { type EventLoopUtilization, monitorEventLoopDelay, performance } from 'node:perf_hooks'

/** Milliseconds between two looks at the delay of the event loop: a look wakes an idle process, which costs more than it does. */
const LOOP_LOOK_MS = 250
/** The same until the second reading: who asks only once more is told soon. */
const FIRST_LOOP_LOOK_MS = 20
/** Milliseconds after the last question when measuring ends by itself. */
export const METER_LINGER_MS = 75_000
/** The same for who asks often, or never again: a screen that has scrolled on. */
export const BRIEF_METER_LINGER_MS = 5_000
/** Milliseconds that a reading is over, at least; who asks sooner gets the former one. */
export const METER_WINDOW_MS = 500
/** The same for the second reading, which is the first that tells of the event loop's delay. */
export const FIRST_METER_WINDOW_MS = 50

/** How busy this process is. */
export interface ProcessReading {
  readonly cpu: {
    /** Milliseconds of processor time since the process, or the thread, began. */
    readonly userMs: number
    readonly systemMs: number
    /** Processors in use on average since the last question, else since the begin: 1 is one processor. */
    readonly share: number
  }
  readonly eventLoop: {
    /** The share of that time in which the event loop was not idle, 0 to 1. */
    readonly utilization: number
    /** By how many milliseconds timers came late since the last question; null at the first one, which begins to measure. */
    readonly delayMs: { readonly p50: number; readonly p99: number; readonly max: number } | null
  }
}

/**
 * Measures this process while somebody asks: it costs nothing before the first question, and nothing again 75 s after the
 * last one.
 */
export class ProcessMeter {
  readonly #cpuUsage: () => NodeJS.CpuUsage
  #delays: ReturnType<typeof monitorEventLoopDelay> | undefined
  #lookMs = FIRST_LOOP_LOOK_MS
  #end: NodeJS.Timeout | undefined
  #lingerMs = 0
  #at = performance.now()
  #cpu: NodeJS.CpuUsage
  #loop: EventLoopUtilization
  #last: ProcessReading | undefined

  /** @param isThread whether what is measured is a thread of the process */
  constructor(isThread: boolean) {
    this.#cpuUsage = isThread ? () => process.threadCpuUsage() : () => process.cpuUsage()
    this.#cpu = this.#cpuUsage()
    this.#loop = performance.eventLoopUtilization()
  }

  /** @param lingerMs milliseconds for which it goes on measuring at least */
  read(lingerMs = METER_LINGER_MS): ProcessReading {
    this.#stayAwake(lingerMs)
    const now = performance.now()
    const overMs = now - this.#at
    if (this.#last !== undefined && overMs < windowAfter(this.#last)) return this.#last
    const cpu = this.#cpuUsage()
    const loop = performance.eventLoopUtilization()
    const used = (cpu.user - this.#cpu.user + cpu.system - this.#cpu.system) / 1_000
    const reading: ProcessReading = {
      cpu: {
        userMs: Math.round(cpu.user / 1_000),
        systemMs: Math.round(cpu.system / 1_000),
        share: overMs > 0 ? rounded(used / overMs) : 0,
      },
      eventLoop: {
        utilization: rounded(performance.eventLoopUtilization(loop, this.#loop).utilization),
        delayMs: this.#last === undefined ? null : this.#readDelays(),
      },
    }
    this.#at = now
    this.#cpu = cpu
    this.#loop = loop
    // what has seen nothing yet goes on: from one timer to the next is the least that tells something
    if (reading.eventLoop.delayMs !== null) this.#measureDelays(LOOP_LOOK_MS)
    this.#last = reading
    return reading
  }

  /** Whether it costs something now. */
  get isMeasuring(): boolean {
    return this.#delays !== undefined
  }

  close(): void {
    clearTimeout(this.#end)
    this.#lingerMs = 0
    this.#delays?.disable()
    this.#delays = undefined
    this.#last = undefined
  }

  #stayAwake(lingerMs: number): void {
    if (this.#delays === undefined) this.#measureDelays(FIRST_LOOP_LOOK_MS)
    // what was begun for who asks seldom is not ended sooner for others
    if (lingerMs < this.#lingerMs) return
    clearTimeout(this.#end)
    this.#lingerMs = lingerMs
    this.#end = setTimeout(() => this.close(), lingerMs).unref()
  }

  #measureDelays(lookMs: number): void {
    if (this.#delays !== undefined && this.#lookMs === lookMs) {
      this.#delays.reset()
      return
    }
    this.#delays?.disable()
    this.#lookMs = lookMs
    this.#delays = monitorEventLoopDelay({ resolution: lookMs })
    this.#delays.enable()
  }

  /** The histogram is of the times between two looks, which are that far apart without any delay. */
  #readDelays(): { p50: number; p99: number; max: number } | null {
    const delays = this.#delays
    if (delays === undefined || delays.count === 0) return null
    const ms = (ns: number): number => Math.max(0, Math.round(ns / 1e4 - this.#lookMs * 100) / 100)
    return { p50: ms(delays.percentile(50)), p99: ms(delays.percentile(99)), max: ms(delays.max) }
  }
}

function windowAfter({ eventLoop }: ProcessReading): number {
  return eventLoop.delayMs === null ? FIRST_METER_WINDOW_MS : METER_WINDOW_MS
}

function rounded(share: number): number {
  return Math.round(share * 1_000) / 1_000
}
