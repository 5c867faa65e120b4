import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions, SecuredConnection } from '@libp2p/interface'
import type { noise } from '@libp2p/noise'
import { deriveFrom, type MeshSecrets, type TimedSecret } from './mesh-secrets.ts'
import { offerKeys, SecretRefused, takeOffer } from './offer.ts'

/** How members encrypt: an offer of secrets, then Noise XX with the agreed one in its prologue. */
const NOISE_PROTOCOL = '/greenroom/noise/1'

type MakeNoise = ReturnType<typeof noise>
type Components = Parameters<MakeNoise>[0]

/** What is made of one secret, when it is first needed. */
interface Made {
  readonly secret: Uint8Array
  readonly offerKey: Uint8Array
  readonly encrypter: ConnectionEncrypter
}

/**
 * Encrypts the connections of members: who knows none of the secrets that are valid on the other side gets no answer.
 *
 * @param make Noise with a prologue
 */
export function secretNoise(
  secrets: MeshSecrets,
  make: (prologueBytes: Uint8Array) => (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    let made: readonly Made[] = []
    const current = (): readonly Made[] => {
      const valid = secrets.valid()
      if (valid.length !== made.length || valid.some(({ secret }, i) => secret !== made[i]!.secret))
        made = valid.map(
          ({ secret }: TimedSecret) =>
            made.find((one) => one.secret === secret) ?? {
              secret,
              offerKey: deriveFrom(secret, 'greenroom/offer/1'),
              encrypter: make(deriveFrom(secret, 'greenroom/noise-prologue/1'))(components),
            },
        )
      return made
    }
    const secure = async (
      way: 'secureInbound' | 'secureOutbound',
      stream: MessageStream,
      options: SecureConnectionOptions = {},
    ): Promise<SecuredConnection> => {
      const known = current()
      const agree = way === 'secureInbound' ? takeOffer : offerKeys
      const place = await agree(
        stream,
        known.map(({ offerKey }) => offerKey),
        options.signal === undefined ? {} : { signal: options.signal },
      )
      const { secret, encrypter } = known[place]!
      const secured = await encrypter[way](stream, options).catch((cause: unknown) => {
        // whoever does not know the secret says nothing and hangs up
        if (way === 'secureInbound' || options.signal?.aborted) throw cause
        throw new SecretRefused('the handshake did not come to its end: the other side may have another secret', {
          cause,
        })
      })
      secrets.prove(secured.remotePeer.toString(), secret)
      return secured
    }
    return {
      protocol: NOISE_PROTOCOL,
      secureInbound: async (stream, options) => await secure('secureInbound', stream, options),
      secureOutbound: async (stream, options) => await secure('secureOutbound', stream, options),
    }
  }
}
