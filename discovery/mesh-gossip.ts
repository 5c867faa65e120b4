import type { GossipSubEvents } from '@libp2p/gossipsub'
import { describeError } from '../node/errors.ts'
import type { Host } from '../node/host.ts'
import { areaLog } from '../node/log.ts'
import { decode, encode } from '../rpc/codec.ts'
import { encodeMessage, type Message } from './core/messages.ts'
import type { Intake, Verdict } from './intake.ts'
import type { DiscoveryTraffic } from './traffic.ts'

/** What gossip is told of a message: only what is accepted is passed on, and only a breach is held against its sender. */
const verdicts = { taken: 'accept', refused: 'reject', 'left out': 'ignore' } as Record<Verdict, never>

/** The topic of a mesh: what is published there reaches all who are connected to anybody of it. */
export class MeshGossip {
  readonly #gossip: Host['gossip']
  readonly #topic: string
  readonly #intake: Intake
  readonly #traffic: DiscoveryTraffic
  readonly #onSubscription: (event: GossipSubEvents['subscription-change']) => void
  readonly #log = areaLog('discovery')

  /** @param onSubscribed a neighbour is now known to hear what is published */
  constructor(
    host: Host,
    mesh: string,
    intake: Intake,
    traffic: DiscoveryTraffic,
    onSubscribed: (peerId: string) => void,
  ) {
    this.#traffic = traffic
    this.#gossip = host.gossip
    this.#topic = `greenroom/1/${mesh}`
    this.#intake = intake
    this.#onSubscription = ({ detail }) => {
      if (detail.subscriptions.some(({ topic, subscribe }) => subscribe && topic === this.#topic))
        onSubscribed(detail.peerId.toString())
    }
  }

  /** The validator is the only reader: a message that it rejects goes no further, in this process and in the mesh. */
  subscribe(): void {
    this.#gossip.topicValidators.set(this.#topic, (peer, { data }) => {
      const from = peer.toString()
      this.#traffic.gossipReceived += 1
      this.#traffic.gossipReceivedBytes += data.length
      let value: unknown
      try {
        value = decode(data)
      } catch (error) {
        return verdicts[this.#intake.refuse(from, 'gossip', error)]
      }
      const verdict = this.#intake.take(from, 'gossip', value, data.length)
      return typeof verdict === 'string' ? verdicts[verdict] : verdict.then((late) => verdicts[late])
    })
    this.#gossip.addEventListener('subscription-change', this.#onSubscription)
    this.#gossip.subscribe(this.#topic)
  }

  publish(message: Message): void {
    const bytes = encode(encodeMessage(message))
    this.#traffic.gossipSent += 1
    this.#traffic.gossipSentBytes += bytes.length
    this.#gossip.publish(this.#topic, bytes).catch((error: unknown) => {
      // Gossip is a hint; anti-entropy repairs what it lost.
      this.#log.debug(`a publish was lost: ${describeError(error)}`)
    })
  }

  close(): void {
    this.#gossip.removeEventListener('subscription-change', this.#onSubscription)
    this.#gossip.topicValidators.delete(this.#topic)
    // the node may have gone before
    if (this.#gossip.getTopics().includes(this.#topic)) this.#gossip.unsubscribe(this.#topic)
  }
}
