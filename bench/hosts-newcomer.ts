// A host that comes by an invitation, which `GREENROOM_JOIN` has: it finds an actor by its name, calls it once, and tells when that was answered.
import { failAfter, run, waitForActor } from '../index.ts'
import { echo } from './hosts-member.ts'
import { monotonic } from './mesh-talk.ts'
import { ARGUMENT } from './subject.ts'

const [name = '', listen = ''] = process.argv.slice(2)

await run(
  async () => {
    const portal = await failAfter(20_000, async () => await waitForActor(name))
    await portal.run(echo, ARGUMENT)
    process.send?.({ at: monotonic() })
  },
  { name: 'newcomer', listen: [listen], profile: 'lan' },
)
