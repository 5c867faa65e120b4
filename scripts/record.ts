// Records what stands in the README, from the real thing: `node scripts/record.ts` writes docs/recordings/*.svg.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { drawRecording } from './recording/draw-recording.ts'
import { recordTerminal, type RecordingOptions } from './recording/terminal-recording.ts'

const COMMAND = fileURLToPath(new URL('../cli/index.ts', import.meta.url))
const DEMO = fileURLToPath(new URL('../examples/premiere.ts', import.meta.url))

const RECORDINGS: Readonly<Record<string, RecordingOptions & { readonly title: string }>> = {
  premiere: {
    title: 'npm start: a mesh comes up, actors meet, the arbiter is killed, a new one is elected',
    command: `${process.execPath} ${DEMO}`,
    columns: 100,
    rows: 30,
    limitMs: 40_000,
    keys: [],
  },
  watch: {
    title: 'greenroom watch --demo: hosts, actors, rates and events of a mesh, live',
    command: `${process.execPath} ${COMMAND} watch --demo`,
    columns: 100,
    rows: 30,
    limitMs: 25_000,
    keys: [{ at: 14_000, text: 'q' }],
  },
}

const folder = new URL('../docs/recordings/', import.meta.url)
mkdirSync(folder, { recursive: true })
for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(RECORDINGS)) {
  const options = RECORDINGS[name]
  if (options === undefined)
    throw new Error(`there is no recording '${name}': choose from ${Object.keys(RECORDINGS).join(', ')}`)
  const recording = await recordTerminal(options)
  writeFileSync(new URL(`${name}.svg`, folder), drawRecording(recording, options.title))
  console.log(
    `docs/recordings/${name}.svg: ${recording.frames.length} screens, ${(recording.length / 1_000).toFixed(1)} s`,
  )
}
