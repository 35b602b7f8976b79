// npm start as its users run it: the program as a child process, the real weights, whatever adapter there is.
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
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
      env: { ...process.env, VGG16_CACHE: join(folder, 'cache') },
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
    'trains a head that knows the drawings of an artist it has not seen, leaves its run, and ends by itself',
    async () => {
      const out = join(folder, 'run');
      const { code, stdout, stderr } = await start(['--size', '32', '--per-class', '10', '--out', out]);
      expect(code, stderr).toBe(EXIT_CODES.ok);
      // Chance is 0.25.
      const accuracy = Number(/^Accuracy (\d\.\d\d)/m.exec(stdout)?.[1]);
      expect(accuracy, stdout).toBeGreaterThanOrEqual(0.65);
      expect(stdout.match(/^[✓✗] .* \(Noto Emoji\)/gm)).toHaveLength(3);
      expect(stdout).toContain('report.html');
      expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('</html>');
      expect(await readdir(out)).toContain('best.safetensors');
      // Results alone on stdout: the epochs are progress.
      expect(stderr).toMatch(/^\s*1\/\d+ /m);
      expect(stdout).not.toMatch(/^\s*1\/\d+ /m);
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
      const { code, stderr } = await start(['--out', join(folder, 'never')], 'adapter');
      expect(code, stderr).toBe(EXIT_CODES.interrupted);
      expect(stderr).toMatch(/\ninterrupted\n$/);
    },
    SLOW,
  );
});
