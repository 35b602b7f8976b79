// README and chapters say what the results in bench/results say.

import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';

describe('the tables of README and chapters', () => {
  it('are those of bench/results', () => {
    const run = () =>
      execFileSync(process.execPath, ['scripts/run.mjs', 'bench/tables.ts', '--check'], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    expect(run).not.toThrow();
  });
});
