import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };

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
  ],
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // What was tuned on this machine would have other kernels tested than elsewhere.
    env: { VGG16_TUNED: '0' },
    execArgv: ['--expose-gc'],
    maxWorkers: 2,
    reporters: ['default', './test/support/summary_reporter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
