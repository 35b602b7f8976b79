// The repository's own programs, as `npm run bench:accuracy` starts them.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);

test('a program of the repository ends wrong arguments with one line and their exit code', async () => {
  const program = run(process.execPath, ['scripts/run.mjs', 'bench/accuracy.ts', '--settings', 'tall']);
  await expect(program).rejects.toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringMatching(/^accuracy: --settings tall: there is linear, [^\n]*\n$/),
  });
});
