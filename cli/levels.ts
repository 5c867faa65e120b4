import type { LogLevel } from '../index.ts'

/** From the most to the least talkative. */
export const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'silent']
