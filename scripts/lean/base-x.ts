// Stands in for the base-x of `multiformats`, which goes through all digits for each byte: peer ids, of 38 bytes, are read and
// written some hundred times in a start, and V8 compiled that for its optimizing compiler. Large integers do nine at once.

interface BaseX {
  encode(source: Uint8Array | ArrayBufferView | readonly number[]): string
  decodeUnsafe(text: string): Uint8Array | undefined
  decode(text: string): Uint8Array
}

export default function baseX(alphabet: string, name: string, caseInsensitive = false): BaseX {
  const base = alphabet.length
  const leader = alphabet[0]!
  /** Digits whose value is a safe integer. */
  const width = Math.floor(Math.log(Number.MAX_SAFE_INTEGER) / Math.log(base))
  const chunk = BigInt(base ** width)
  let values: Map<string, number> | undefined

  const encode: BaseX['encode'] = (source) => {
    const bytes = bytesOf(source)
    let zeros = 0
    while (bytes[zeros] === 0) zeros++
    let text = ''
    if (zeros < bytes.length) {
      let left = BigInt(`0x${bytes.toString('hex')}`)
      while (left > 0n) {
        const above = left / chunk
        let digits = Number(left - above * chunk)
        // leading zeros belong to every part but the first one
        for (let i = 0; above > 0n ? i < width : digits > 0; i++) {
          text = alphabet[digits % base]! + text
          digits = Math.floor(digits / base)
        }
        left = above
      }
    }
    return leader.repeat(zeros) + text
  }

  const decodeUnsafe: BaseX['decodeUnsafe'] = (text) => {
    if (typeof text !== 'string') throw new TypeError('Expected String')
    values ??= valuesOf(alphabet, caseInsensitive)
    let zeros = 0
    while (text[zeros] === leader) zeros++
    let value = 0n
    for (let at = zeros; at < text.length; at += width) {
      const end = Math.min(at + width, text.length)
      let digits = 0
      for (let i = at; i < end; i++) {
        const digit = values.get(text[i]!)
        if (digit === undefined) return undefined
        digits = digits * base + digit
      }
      value = value * (end - at === width ? chunk : BigInt(base ** (end - at))) + BigInt(digits)
    }
    const hex = value === 0n ? '' : value.toString(16)
    const bytes = new Uint8Array(zeros + Math.ceil(hex.length / 2))
    bytes.set(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex'), zeros)
    return bytes
  }

  return {
    encode,
    decodeUnsafe,
    decode: (text) => {
      const bytes = decodeUnsafe(text)
      if (bytes === undefined) throw new Error(`Non-${name} character`)
      return bytes
    },
  }
}

function bytesOf(source: Uint8Array | ArrayBufferView | readonly number[]): Buffer {
  if (ArrayBuffer.isView(source)) return Buffer.from(source.buffer, source.byteOffset, source.byteLength)
  if (Array.isArray(source)) return Buffer.from(source)
  throw new TypeError('Expected Uint8Array')
}

/** When the first one is read: most of the alphabets are never used. */
function valuesOf(alphabet: string, caseInsensitive: boolean): Map<string, number> {
  const own = alphabet.split('').map((letter, value): [string, number] => [letter, value])
  const cased = ([letter, value]: [string, number]): [string, number][] => [
    [letter.toLowerCase(), value],
    [letter.toUpperCase(), value],
  ]
  return new Map(caseInsensitive ? own.flatMap(cased) : own)
}
