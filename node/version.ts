/** Version of this package, as its `package.json` has it. */
export const GREENROOM_VERSION = '0.1.0'
