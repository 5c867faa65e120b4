import { Box, render, Text, useInput, useWindowSize } from 'ink'
import { createElement, type ReactElement, useEffect, useState } from 'react'
import { holdErrors } from './hold-errors.ts'
import { keysOf } from './keys.ts'
import type { Line } from './line.ts'
import { paint } from './paint.ts'
import type { Size } from './seen.ts'

/** Repaints a second at most: those that a key asks for included. Only lines that have changed are sent. */
const MAX_FRAMES_A_SECOND = 10

/** What is shown, and who hears of keys. */
export interface Show {
  lines(size: Size): readonly Line[]
  press(key: string): void
  /** Tells when there is something else to show; gives the function that unlinks. */
  onChange(listener: () => void): () => void
}

export interface ShellOptions {
  readonly coloured: boolean
  /** Whether what was written on the standard error meanwhile is to be read when the terminal is given back. */
  readonly showErrors: boolean
}

/** Takes the terminal until it is asked to give it back, which it does as it found it. */
export function openShell(show: Show, { coloured, showErrors }: ShellOptions): { close(): Promise<void> } {
  const release = holdErrors()
  // the first frame begins where the cursor is: what is typed ahead must not be echoed into it
  process.stdin.setRawMode(true)
  process.stdout.write('\r')
  const shell = render(createElement(Screen, { show, coloured }), {
    alternateScreen: true,
    incrementalRendering: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
    maxFps: MAX_FRAMES_A_SECOND,
  })
  // what went wrong is to be read on the screen of before
  const giveBack = (): void => {
    shell.unmount()
    release(true)
  }
  process.on('uncaughtExceptionMonitor', giveBack)
  return {
    async close() {
      process.off('uncaughtExceptionMonitor', giveBack)
      shell.unmount()
      await shell.waitUntilExit()
      release(showErrors)
    },
  }
}

function Screen({ show, coloured }: { readonly show: Show; readonly coloured: boolean }): ReactElement {
  const [, redraw] = useState(0)
  useEffect(() => show.onChange(() => redraw((count) => count + 1)), [show])
  useInput((input, key) => {
    for (const one of keysOf(input, key)) show.press(one)
  })
  const { columns, rows } = useWindowSize()
  // what fills the window to its last line is out of step with the terminal once the window grows
  const size = { columns, rows: rows - 1 }
  const lines = show.lines(size)
  return createElement(
    Box,
    { flexDirection: 'column', width: columns, height: size.rows },
    lines.map((line, i) => createElement(Text, { key: i, wrap: 'truncate-end' }, paint(line, coloured) || ' ')),
  )
}
