// Stands in for the part of `mortice` that shares locks with a cluster and with threads. The peer store asks it for locks of
// one process alone, and each process and thread would load `node:cluster` and open a broadcast channel for them.
export default (): EventTarget => new EventTarget()
