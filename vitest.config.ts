import { configDefaults, defineConfig } from 'vitest/config'

/** Folders whose tests start several processes each: two files at a time, since most of their time is waiting. */
const processTests = ['test/{nursery,examples,cli,package,hosts,bench}/**/*.test.ts']

/** The longest that one test, or one hook, may take, in milliseconds. */
const limit = 60_000

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: limit,
    hookTimeout: limit,
    retry: 0,
    // the sources run on Node's own type stripping, as they do for a person and in the children that tests start
    experimental: { viteModuleRunner: false },
    projects: [
      {
        extends: true,
        test: {
          name: 'units',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...processTests],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: processTests,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
