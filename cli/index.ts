#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { enableCompileCache } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { main as Main } from './main.ts'

const { main } = await start()
process.exitCode = await main(process.argv.slice(2))

/** From the bundle, which loads several times faster than the modules one by one, when there is one. */
async function start(): Promise<{ main: typeof Main }> {
  const boot = await bootFile()
  if (boot === undefined) return await import('./main.ts')
  const folder = dirname(boot)
  enableCompileCache(join(folder, 'compile-cache'))
  return (await import(pathToFileURL(join(folder, 'cli', 'main.mjs')).href)) as { main: typeof Main }
}

/** The package has a bundle; from sources it is made when they have changed, as for children. */
async function bootFile(): Promise<string | undefined> {
  const packaged = fileURLToPath(new URL('../boot/boot.mjs', import.meta.url))
  if (existsSync(packaged)) return packaged
  const { findBootFile } = await import('../nursery/child-entry.ts')
  return await findBootFile()
}
