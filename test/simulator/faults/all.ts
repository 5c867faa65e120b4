import { claim } from './claim-faults.ts'
import type { Fault } from './fault.ts'
import * as network from './network-faults.ts'
import * as processes from './process-faults.ts'

/** Every kind of fault by its name, and for how many milliseconds it lasts at most; 0 is a moment. */
export const faults = {
  weather: { fault: network.weather, lasts: [500, 6_000] },
  lossyPlaces: { fault: network.lossyPlaces, lasts: [500, 8_000] },
  slowPlace: { fault: network.slowPlace, lasts: [1_000, 10_000] },
  muteArbiter: { fault: network.muteArbiter, lasts: [500, 6_000] },
  partition: { fault: network.partition, lasts: [200, 12_000] },
  isolation: { fault: network.isolation, lasts: [500, 60_000] },
  oneWay: { fault: network.oneWay, lasts: [200, 8_000] },
  oneWayLink: { fault: network.oneWayLink, lasts: [200, 8_000] },
  ring: { fault: network.ring, lasts: [200, 8_000] },
  flapping: { fault: network.flapping, lasts: [1_000, 10_000] },
  bridge: { fault: network.bridge, lasts: [500, 10_000] },
  brokenLinks: { fault: network.brokenLinks, lasts: [0, 0] },
  crashRoot: { fault: processes.crashRoot, lasts: [0, 0] },
  powerLoss: { fault: processes.powerLoss, lasts: [0, 0] },
  crashArbiter: { fault: processes.crashArbiter, lasts: [0, 0] },
  crashChild: { fault: processes.crashChild, lasts: [0, 0] },
  restart: { fault: processes.restart, lasts: [0, 0] },
  replace: { fault: processes.replace, lasts: [0, 0] },
  massRestart: { fault: processes.massRestart, lasts: [0, 0] },
  diskLost: { fault: processes.diskLost, lasts: [0, 0] },
  fullDisk: { fault: processes.fullDisk, lasts: [500, 6_000] },
  pauses: { fault: processes.pauses, lasts: [100, 10_000] },
  manyPauses: { fault: processes.manyPauses, lasts: [100, 6_000] },
  pausedArbiter: { fault: processes.pausedArbiter, lasts: [500, 10_000] },
  leave: { fault: processes.leave, lasts: [0, 0] },
  arbiterLeaves: { fault: processes.arbiterLeaves, lasts: [0, 0] },
  newChild: { fault: processes.newChild, lasts: [0, 0] },
  briefChild: { fault: processes.briefChild, lasts: [0, 0] },
  newRoot: { fault: processes.newRoot, lasts: [0, 0] },
  joinStorm: { fault: processes.joinStorm, lasts: [0, 0] },
  seedsLost: { fault: processes.seedsLost, lasts: [0, 0] },
  edits: { fault: processes.edits, lasts: [0, 0] },
  failingLookups: { fault: processes.failingLookups, lasts: [0, 0] },
  claim: { fault: claim, lasts: [20, 10_000] },
} as const satisfies Record<string, { fault: Fault; lasts: readonly [number, number] }>

export type FaultName = keyof typeof faults

export const faultNames = Object.keys(faults) as FaultName[]
