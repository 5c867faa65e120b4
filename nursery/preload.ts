import { inspect } from 'node:util'
import { InvalidArgument } from '../node/errors.ts'

/** Modules that every actor imports before it starts. */
export const MAX_PRELOADED = 16
/** Characters of the URL of one of them. */
export const MAX_PRELOAD_URL = 4_096

/** @throws InvalidArgument naming the one that cannot be imported everywhere */
export function checkPreload(urls: readonly string[]): readonly string[] {
  if (!Array.isArray(urls) || urls.length > MAX_PRELOADED)
    throw new InvalidArgument(`preload is a list of at most ${MAX_PRELOADED} URLs, got ${inspect(urls, { depth: 0 })}`)
  for (const [i, url] of urls.entries())
    if (typeof url !== 'string' || url.length > MAX_PRELOAD_URL || !URL.canParse(url))
      throw new InvalidArgument(
        `preload[${i}] is an absolute URL, as import.meta.resolve('./otel.ts') gives it, got ${inspect(url).slice(0, 200)}`,
      )
  return [...urls]
}
