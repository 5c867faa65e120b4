import type { Rng } from '../rng.ts'
import type { Simulation } from '../simulation.ts'

/**
 * Something bad that happens to a mesh at one moment. What it chooses it chooses by its own random numbers, so that
 * leaving one fault out of a plan changes no other. What it gives back ends it, after `lasts` milliseconds or when the
 * disturbance is over.
 */
export type Fault = (simulation: Simulation, rng: Rng, lasts: number) => (() => void) | undefined
