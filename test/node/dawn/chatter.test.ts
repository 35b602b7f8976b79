// What Dawn says of drivers is kept off stderr, and nothing else is.

import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { withoutChatter, withoutWarnings } from '../../../src/node/dawn/chatter.js';
import { useFolder, vgg16, writeNarrow } from '../../cli/support.js';

const PROGRAM = `
import { VGG16 } from ${JSON.stringify(`file://${resolve('dist/index.js')}`)};
console.error('before');
const [weights, picture] = [process.argv[1], { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3) }];
const model = await VGG16.load({ weights });
console.log((await model.features(picture, 'block1_conv1', { size: 32 })).shape.join());
model.dispose();
console.error('after');
`;

/** A process with such a program, and what its user sees. */
async function run(weights: string, env: Readonly<Record<string, string | undefined>>) {
  const args = ['--input-type=module', '--eval', PROGRAM, weights];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, ...env },
  });
  return { stdout, stderr: stderr.split('\n') };
}

/** A machine whose Vulkan finds no driver. */
const NO_DRIVER = { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' };

describe('withoutWarnings', () => {
  it("takes out Dawn's warnings with the lines that belong to them, and nothing else", () => {
    const text =
      'Warning: vkCreateInstance failed\n    at CheckVkSuccessImpl (VulkanError.cpp:106)\n\n' +
      'Error: the device is gone\n    at here\nWarning: more\ndriver: 1 fault\n\nlast';
    expect(withoutWarnings(text)).toBe('Error: the device is gone\n    at here\ndriver: 1 fault\n\nlast');
  });
});

describe('withoutChatter', () => {
  it.runIf(process.platform === 'linux')('passes on what others write, however much', async () => {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load(null);
    const fputs = libc.func('int fputs(const char *text, void *stream)');
    const say = (text: string) => fputs(text, koffi.decode(libc.symbol('stderr'), 'void *'));
    const long = `${'driver '.repeat(50_000)}\n`;
    const seen: unknown[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => seen.push(text) > 0);
    vi.stubEnv('VGG16_DEBUG', '');
    try {
      const quietly = await withoutChatter();
      quietly(() => say(`Warning: hidden\n    at a place\n\n${long}`));
      quietly(() => say('driver: short\n'));
      quietly(() => 0);
    } finally {
      write.mockRestore();
      vi.unstubAllEnvs();
    }
    expect(seen).toEqual([long, 'driver: short\n']);
  });
});

describe("Dawn's chatter", () => {
  const at = useFolder();

  it.runIf(process.platform === 'linux')(
    'is not on the stderr of a program, whose own lines are',
    async () => {
      const weights = at('narrow.safetensors');
      await writeNarrow(weights);
      const quiet = await run(weights, { VGG16_DEBUG: undefined });
      expect(quiet).toEqual({ stdout: '32,32,4\n', stderr: ['before', 'after', ''] });
    },
  );

  it.runIf(process.platform === 'linux')(
    'is not there without a driver, where SwiftShader steps in',
    async () => {
      const weights = at('narrow2.safetensors');
      await writeNarrow(weights);
      const env = { VGG16_ADAPTER: undefined, VGG16_DEBUG: undefined, ...NO_DRIVER };
      expect((await run(weights, env)).stderr).toEqual(['before', 'after', '']);
      // What others write in that time is passed on: here the Vulkan loader, asked for its errors.
      const others = await run(weights, { ...env, VK_LOADER_DEBUG: 'error' });
      expect(others.stderr).toContainEqual(expect.stringMatching(/^ERROR: /));
      expect(others.stderr).not.toContainEqual(expect.stringMatching(/^Warning: /));
      const loud = await run(weights, { ...env, VGG16_DEBUG: '1' });
      expect(loud.stderr.filter((line) => line.startsWith('Warning: ')).length).toBeGreaterThan(1);
    },
  );

  it.runIf(process.platform === 'linux')(
    'is not there where there is no adapter at all: one line says so',
    async () => {
      const env = { VGG16_ADAPTER: 'no such adapter', VGG16_DEBUG: '', ...NO_DRIVER };
      const { code, stderr } = await vgg16(
        ['features', resolve('README.md'), '--until', 'block1_conv1', '--out', at('o.npy')],
        { env },
      );
      expect([code, stderr.length]).toEqual([5, 1]);
      expect(stderr[0]).toMatch(/^error: no adapter whose name contains "no such adapter"/);
    },
  );
});
