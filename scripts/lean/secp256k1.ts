// Stands in for `@noble/curves/secp256k1.js`. Actors have Ed25519 keys, records accept no others, and a handshake with
// another kind of key fails here.
function refuse(): never {
  throw new TypeError('actors have Ed25519 keys, not secp256k1')
}

export const secp256k1 = {
  sign: refuse,
  verify: refuse,
  getPublicKey: refuse,
  Point: { fromBytes: refuse },
  utils: { randomSecretKey: refuse },
}
