import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import { workerText } from './scripts/worker_text.mjs';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

/** What reads the process's memory or threads, counts on its device, or replaces modules: each file has its own process. */
const ALONE = [
  'test/gpu/**/*.test.ts',
  'test/model/steady.test.ts',
  'test/node/training/many_pictures.test.ts',
  'test/node/datasets/many.test.ts',
  'test/train/head/steady.test.ts',
  'test/node/features/overlap.test.ts',
  'test/tune/wrong.test.ts',
  'test/node/fetch/pins.test.ts',
  'test/weights/{fuzz,hostile,full_size,safetensors_fuzz}.test.ts',
];

/** What needs no adapter. */
const UNIT = [
  'test/!(full|realm).test.ts',
  'test/{image,plot}/**/*.test.ts',
  'test/weights/**/!(activation|cases|golden_arrays|keras|pytorch).test.ts',
  'test/node/*.test.ts',
  'test/node/{datasets,fetch,hdf5,image,report,runs}/**/*.test.ts',
];

const CLI = ['test/cli/**/*.test.ts'];
const BROWSER = ['test/browser/**/*.test.ts'];

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version), __COMMIT__: JSON.stringify('test') },
  plugins: [
    {
      name: 'wgsl-as-text',
      enforce: 'pre',
      load(id) {
        if (id.endsWith('.wgsl')) return `export default ${JSON.stringify(readFileSync(id, 'utf8'))};`;
        return undefined;
      },
    },
    {
      name: 'worker-as-text',
      enforce: 'pre',
      load(id) {
        if (!id.endsWith('?worker')) return undefined;
        return `export default ${JSON.stringify(workerText(id.replace(/\?worker$/, '')))};`;
      },
    },
  ],
  test: {
    pool: 'forks',
    // What was tuned on this machine would have other kernels tested than elsewhere.
    env: { VGG16_TUNED: '0' },
    execArgv: ['--expose-gc'],
    maxWorkers: 2,
    reporters: ['default', './test/support/summary_reporter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      // The files of a project share a process per worker, and with it the device and what was compiled on it.
      ...[
        { name: 'unit', include: UNIT, exclude: ALONE },
        { name: 'gpu', include: ['test/**/*.test.ts'], exclude: [...ALONE, ...UNIT, ...CLI, ...BROWSER] },
        { name: 'cli', include: CLI, exclude: ALONE },
        { name: 'browser', include: BROWSER, exclude: ALONE },
      ].map((test) => ({ extends: true as const, test: { ...test, isolate: false } })),
      { extends: true, test: { name: 'alone', include: ALONE } },
    ],
  },
});
