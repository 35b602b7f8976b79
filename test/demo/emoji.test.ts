// npm start as its users run it: the program as a child process, the real weights, whatever adapter there is.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HELP } from '../../demo/options.js';
import { EXIT_CODES } from '../../src/errors.js';

/** SwiftShader on two busy cores. */
const SLOW = 300_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-emoji-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param interruptAt the first such text on stderr is answered with Ctrl-C */
function start(args: readonly string[], interruptAt?: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['scripts/run.mjs', 'demo/emoji.ts', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    // A second Ctrl-C ends the process at once.
    let isInterrupted = false;
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (interruptAt === undefined || isInterrupted || !stderr.includes(interruptAt)) return;
      isInterrupted = child.kill('SIGINT');
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('npm start', () => {
  it(
    'classifies drawings far better than chance, and ends by itself',
    async () => {
      const out = join(folder, 'sheet.html');
      const { code, stdout, stderr } = await start(['--size', '32', '--per-class', '12', '--out', out]);
      expect(code, stderr).toBe(EXIT_CODES.ok);
      // The same features from PyTorch give 0.77 with this choice of drawings; chance is 0.25.
      const accuracy = Number(/^Accuracy (\d\.\d\d)/m.exec(stdout)?.[1]);
      expect(accuracy).toBeGreaterThanOrEqual(0.7);
      expect(await readFile(out, 'utf8')).toContain('</html>');
    },
    SLOW,
  );

  it('prints its help', async () => {
    expect(await start(['--help'])).toEqual({ code: EXIT_CODES.ok, stdout: HELP, stderr: '' });
  });

  it('refuses nonsense in one line', async () => {
    const { code, stdout, stderr } = await start(['--size', 'huge']);
    expect(code).toBe(EXIT_CODES.usage);
    expect(stdout).toBe('');
    expect(stderr).toBe('error: --size huge: it must be a whole number from 32 to 448\n');
  });

  it(
    'ends on Ctrl-C with its own exit code',
    async () => {
      const { code, stderr } = await start(['--out', join(folder, 'never.html')], 'adapter');
      expect(code, stderr).toBe(EXIT_CODES.interrupted);
      expect(stderr).toMatch(/\ninterrupted\n$/);
    },
    SLOW,
  );
});
