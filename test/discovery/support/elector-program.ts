import { openVoteFile } from '../../../discovery/vote-file.ts'

// A program of its own that keeps a vote and its lock: arguments are the state directory, the mesh and the name.
const [, , stateDir = '', mesh = '', name = ''] = process.argv

const file = await openVoteFile({ mesh, name, stateDir })
await file.write({ roll: [name], settled: true, term: 3, candidate: null })
console.log('kept')

// until the test kills it, or is gone itself
process.stdin.resume()
setTimeout(() => process.exit(1), 60_000)
