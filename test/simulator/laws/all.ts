import { boundsLaws } from './bounds-laws.ts'
import { candidacyLaws } from './candidacy-laws.ts'
import { claimLaws } from './claim-laws.ts'
import { detectionLaws } from './detection-laws.ts'
import { electionLaws } from './election-laws.ts'
import type { LawFamily } from './law.ts'
import { registryLaws } from './registry-laws.ts'

/** Every family of laws. Who adds rules to the core adds a file here. */
export const allLaws: readonly LawFamily[] = [
  registryLaws,
  detectionLaws,
  electionLaws,
  candidacyLaws,
  claimLaws,
  boundsLaws,
]
