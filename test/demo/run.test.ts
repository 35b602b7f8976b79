import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runDemo } from '../../demo/run.js';
import { OutputError, UsageError } from '../../src/errors.js';
import { type FakeModelOptions, fakeModel, makeDesk } from './support.js';

let folder: string;
let out: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-demo-'));
  out = join(folder, 'new', 'sheet.html');
  vi.stubEnv('VGG16_CACHE', join(folder, 'cache'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

async function run(
  options: { size?: number; perClass?: number; out?: string } = {},
  fake: FakeModelOptions = {},
) {
  const desk = makeDesk();
  const { model, seen } = fakeModel(desk, fake);
  const load = vi.fn(async () => model);
  const done = runDemo({ seed: 0, out, ...options }, load, desk.around);
  return { desk, seen, load, done };
}

describe('a run', () => {
  it('prints results on stdout, everything else on stderr, and writes both sheets', async () => {
    const { desk, seen, done } = await run({ size: 48, perClass: 8 });
    await done;
    const [results, talk] = [desk.out(), desk.err()];
    expect(results).toMatch(/^\nAccuracy \d\.\d\d \(chance 0\.25\)/);
    for (const name of ['animals', 'food', 'faces', 'places']) {
      expect(results).toMatch(new RegExp(`\\n {2}${name} +\\d/8 +\\d\\.\\d\\d`));
    }
    expect(results).toContain('Nearest neighbours\n');
    expect(results).toContain('Time on the adapter, a batch of 4\n');
    expect(results).toMatch(/conv1_1 +4x48x48x64 +12\.50 +5\.3 /);
    expect(results).toMatch(/total +15\.00/);
    expect(results).toContain('Adapter  llvmpipe (test)');
    expect(results).toContain(out);
    expect(talk).toContain('NO GPU');
    expect(talk).toContain('plan     32 drawings at 48 px');
    expect(talk).not.toContain('Accuracy');
    expect(`${results}${talk}`).not.toContain('\x1b');

    expect(await readFile(out, 'utf8')).toContain('</html>');
    expect((await sharp(out.replace('.html', '.png')).metadata()).format).toBe('png');
    expect(await readdir(join(folder, 'new'))).toHaveLength(2);
    expect(await readdir(join(folder, 'cache', 'emoji'))).toHaveLength(32);
    expect(seen.disposed).toBe(1);
  });

  it('is the same the second time, over its own sheets', async () => {
    const first = await run({ size: 48, perClass: 8 });
    await first.done;
    const sheet = await readFile(out);
    const second = await run({ size: 48, perClass: 8 });
    await second.done;
    expect(second.desk.out()).toBe(first.desk.out());
    expect(await readFile(out)).toEqual(sheet);
  });

  it('sizes itself by the probe', async () => {
    // The limit is 90 s: half of it is planned for. 0.5 s for 4 drawings at 48 px: 40 a class at 64 px take 36 s.
    const { desk, done } = await run({}, { secondsPerBatch: (batch) => (batch < 2 ? 0.5 : 0.9) });
    await done;
    expect(desk.err()).toContain('plan     160 drawings at 64 px, about 36 s');
    expect(desk.err()).not.toContain('late');
  });

  it('stops in time when the adapter turns out slower than the probe, balanced, and says so', async () => {
    const { desk, done } = await run({}, { secondsPerBatch: (batch) => (batch < 2 ? 0.5 : 4) });
    await done;
    // 2 s have passed; 4 s a batch until 72 s (80% of 90) makes 17 batches.
    expect(desk.err()).toContain('going on with 17 of 40 drawings a class');
    expect(desk.out()).toMatch(/animals +\d+\/17 /);
    expect(desk.around.now()).toBeLessThan(72);
  });

  it('computes eight of each class however late it is', async () => {
    const { desk, done } = await run({}, { secondsPerBatch: (batch) => (batch < 2 ? 0.5 : 60) });
    await done;
    expect(desk.err()).toContain('going on with 8 of 40 drawings a class');
  });

  it('cuts nothing short when size and number are given', async () => {
    const { desk, done } = await run({ size: 32, perClass: 10 }, { secondsPerBatch: () => 60 });
    await done;
    expect(desk.err()).not.toContain('late');
    expect(desk.out()).toMatch(/animals +\d+\/10 /);
  });

  it('goes without times of layers where there are no timestamps, and says so', async () => {
    const { desk, done } = await run({ size: 32, perClass: 4 }, { timestamps: false });
    await done;
    expect(desk.out()).not.toContain('Time on the adapter');
    expect(desk.err()).toContain('timestamp-query');
  });
});

describe('what ends a run', () => {
  it("somebody else's file is found before anything is computed, and left alone", async () => {
    const mine = join(folder, 'mine.html');
    await writeFile(mine, 'my own page');
    const { load, done } = await run({ out: mine });
    await expect(done).rejects.toThrow(OutputError);
    await expect(done).rejects.toThrow(mine);
    expect(load).not.toHaveBeenCalled();
    expect(await readFile(mine, 'utf8')).toBe('my own page');
  });

  it("so is somebody else's PNG beside the sheet", async () => {
    await writeFile(join(folder, 'mine.png'), 'my own picture');
    const { load, done } = await run({ out: join(folder, 'mine.html') });
    await expect(done).rejects.toThrow('mine.png');
    expect(load).not.toHaveBeenCalled();
  });

  it('a name that is not of an HTML file, a folder that is a file, more drawings than there are', async () => {
    await expect((await run({ out: 'x.txt' })).done).rejects.toThrow(UsageError);
    await writeFile(join(folder, 'file'), '');
    await expect((await run({ out: join(folder, 'file', 'x.html') })).done).rejects.toThrow(OutputError);
    const { load, done } = await run({ perClass: 1000 });
    await expect(done).rejects.toThrow(UsageError);
    expect(load).not.toHaveBeenCalled();
  });

  it('Ctrl-C: the model is disposed of and no sheet appears', async () => {
    const desk = makeDesk();
    const { model, seen } = fakeModel(desk, {
      secondsPerBatch: (batch) => {
        if (batch === 5) desk.interrupt.abort();
        return 0.1;
      },
    });
    await expect(
      runDemo({ seed: 0, out, size: 32, perClass: 8 }, async () => model, desk.around),
    ).rejects.toThrow('aborted');
    expect(seen.disposed).toBe(1);
    expect(existsSync(out)).toBe(false);
  });
});
