import type { ComponentLogger, Logger } from '@libp2p/interface'

const silence = (): void => {}
const silent: Logger = Object.assign((): void => {}, {
  enabled: false,
  error: silence,
  trace: silence,
  newScope: () => silent,
})

/**
 * The logger that the libp2p stack is given: its own when `DEBUG` asks for output, else one that makes none.
 *
 * The stack makes three loggers for each component, connection and stream, and each looks at the terminal: a start spends
 * milliseconds on what nobody reads.
 */
export function stackLogger(): { readonly logger?: ComponentLogger } {
  return process.env['DEBUG'] ? {} : { logger: { forComponent: () => silent } }
}
