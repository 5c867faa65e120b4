/** A rate in at most five characters. */
export function showRate(perSecond: number | undefined): string {
  if (perSecond === undefined) return '-'
  if (perSecond === 0) return '0'
  if (perSecond < 10) return perSecond.toFixed(1)
  if (perSecond < 10_000) return String(Math.round(perSecond))
  return perSecond < 1_000_000 ? `${Math.round(perSecond / 1_000)}k` : `${Math.round(perSecond / 1_000_000)}M`
}

export function showShare(share: number | undefined): string {
  return share === undefined ? '-' : `${Math.round(share * 100)}%`
}

/** How many of what, in words: `1 actor`, `2 actors`. */
export function showCount(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
