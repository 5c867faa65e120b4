/** What the busiest of `top` are busy with. */
export const TOP_ORDERS = ['calls', 'failures', 'latency', 'streams', 'bytes', 'cpu', 'memory', 'loop'] as const
export type TopOrder = (typeof TOP_ORDERS)[number]
