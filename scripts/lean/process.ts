// Stands in for `node:process`, which Node gives as a module by reading each property once: the standard streams are
// made for that.
export default process
