// vgg16 weights fetch, list, path and rm, and classify's first use, as their users run them; the network is a server
// in this process.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { sends, status, useServer } from '../node/fetch/server.js';
import { blocks, useFolder, vgg16, writeNarrow } from './support.js';

const at = useFolder();
const server = useServer();

/** No publisher says what timm's file hashes to, so that another may stand for it. */
const TIMM = 'vgg16.tv_in1k.safetensors';
const TORCHVISION = 'vgg16-397923af.pth';

/** Each test has a cache of its own. */
function run(cache: string, args: readonly string[], env: Record<string, string> = {}) {
  return vgg16(args, {
    cwd: at(),
    env: {
      VGG16_CACHE: at(cache),
      VGG16_OFFLINE: '0',
      VGG16_WEIGHTS_URL: server.url,
      VGG16_ADAPTER: 'null',
      ...env,
    },
  });
}

let narrow: Buffer;

beforeAll(async () => {
  narrow = await readFile(await writeNarrow(at('narrow.safetensors'), { classes: 1000 }));
  await blocks(1).png().toFile(at('a.png'));
});

/** Puts a file where the cache has it, by hand. */
async function place(cache: string, file: string, bytes = narrow): Promise<string> {
  const path = at(cache, 'weights', file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, bytes);
  return path;
}

describe('fetch', () => {
  it('prints the path, and finds the file the next time', async () => {
    server.behave(sends({ bytes: narrow, headers: {} }));
    const first = await run('fetched', ['weights', 'fetch', 'timm']);
    expect([first.code, first.stdout]).toEqual([0, `${at('fetched', 'weights', TIMM)}\n`]);
    expect(await readFile(at('fetched', 'weights', TIMM))).toEqual(narrow);
    expect(server.asked.map(({ url }) => url)).toEqual([`/weights/${TIMM}`]);
    expect(first.stderr).toEqual([
      expect.stringMatching(/^fetch \d+\.\d\/\d+\.\d kB in \d\.\d s/),
      `note: verifying ${TIMM}`,
      "note: verified: size and structure only; no publisher's hash is known",
    ]);
    const second = await run('fetched', ['weights', 'fetch', 'timm', '--offline']);
    expect([second.code, second.stdout, second.stderr]).toEqual([0, first.stdout, []]);
    expect(server.asked).toHaveLength(1);
  });

  it('--url takes the file from elsewhere', async () => {
    server.behave(sends({ bytes: narrow, headers: {} }));
    const { code } = await run('url', ['weights', 'fetch', 'timm', '--url', `${server.url}/other.bin`]);
    expect([code, server.asked[0]!.url]).toEqual([0, '/weights/other.bin']);
    const again = await run('url', ['weights', 'fetch', 'timm', '--url', server.url]);
    expect([again.code, again.stderr, server.asked.length]).toEqual([
      0,
      ['note: found in the cache, nothing was downloaded (`vgg16 weights rm timm` removes it)'],
      1,
    ]);
    const nonsense = await run('url', ['weights', 'fetch', 'timm', '--url', 'nonsense']);
    expect([nonsense.code, nonsense.stdout]).toEqual([2, '']);
  });

  it('a text is no VGG16, whoever calls it so', async () => {
    server.behave(sends({ bytes: Buffer.from('hello\n'), headers: {} }));
    const { code, stdout, stderr } = await run('text', ['weights', 'fetch', 'timm', '--url', server.url]);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr.at(-1)).toMatch(
      /^error: .*is not the timm weights and was removed: its content is no VGG16: /,
    );
    expect((await run('text', ['weights', 'list'])).stdout).toMatch(/^timm .* not fetched$/m);
  });

  it('a download that breaks off does not look like one that succeeded', async () => {
    server.behave(sends({ bytes: narrow, headers: {}, etag: undefined, cutAfter: 1000 }), status(404));
    const { code, stderr } = await run('broken', ['weights', 'fetch', 'timm']);
    expect([code, stderr.filter((line) => / in \d/.test(line) && line.startsWith('fetch'))]).toEqual([4, []]);
    expect(stderr.at(-2)).toMatch(/^fetch stopped at 1\.0\/\d+\.\d kB after /);
  });

  it('what is not the file that its name says is refused and removed', async () => {
    server.behave(sends({ bytes: narrow, headers: {} }));
    const { code, stdout, stderr } = await run('wrong', ['weights', 'fetch']);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr.at(-1)).toMatch(/^error: .*what was downloaded is not the torchvision weights.*SHA-256/);
    expect((await run('wrong', ['weights', 'list'])).stdout).toMatch(/^torchvision .* not fetched$/m);
  });

  it('a server that has no such file is an error that says what to do by hand', async () => {
    server.behave(status(404));
    const { code, stdout, stderr } = await run('none', ['weights', 'fetch', 'keras']);
    expect([code, stdout]).toEqual([4, '']);
    expect(stderr.at(-1)).toMatch(/^error: cannot fetch the keras weights: .*404.*by hand and save it as /);
  });

  it.each([
    ['--offline', ['--offline'], {}],
    ['VGG16_OFFLINE', [], { VGG16_OFFLINE: '1' }],
  ])('%s asks nobody', async (_, flags, env) => {
    const { code, stdout, stderr } = await run('offline', ['weights', 'fetch', 'keras-notop', ...flags], env);
    expect([code, stdout, stderr.length, server.asked.length]).toEqual([4, '', 1, 0]);
    expect(stderr[0]).toMatch(
      /^error: no keras-notop weights in the cache, and offline: download .* by hand/,
    );
  });

  it.each([[['resnet']], [['timm', '--url', 'ftp://x/y']]])('%j is a mistake: exit code 2', async (args) => {
    const { code, stdout, stderr } = await run('usage', ['weights', 'fetch', ...args]);
    expect([code, stdout, stderr.length]).toEqual([2, '', 1]);
  });
});

describe('list, path and rm', () => {
  it('know what is here', async () => {
    const path = await place('here', TIMM);
    const listed = await run('here', ['weights', 'list']);
    expect(listed.stdout).toMatch(/^embedded +29\.4 MB +none +caffe +CC BY 4\.0 +in the package$/m);
    expect(listed.stdout.split('\n').find((line) => line.startsWith('timm'))).toContain(
      `here, not verified yet: ${path}`,
    );
    const printed = await run('here', ['weights', 'path', 'timm']);
    expect([printed.stdout, printed.stderr]).toEqual([`${path}\n`, []]);
    const verified = await run('here', ['weights', 'verify']);
    expect(verified.stdout).toMatch(/^OK {2}timm: structure only; no publisher's hash is known$/m);
    expect((await run('here', ['weights', 'list'])).stdout).toContain(`here: ${path}`);
    const removed = await run('here', ['weights', 'rm', 'timm']);
    expect(removed.stdout.split('\n')).toContain(path);
    const again = await run('here', ['weights', 'rm', 'timm']);
    expect([again.code, again.stdout, again.stderr]).toEqual([
      0,
      '',
      ['note: nothing of the timm weights is in the cache'],
    ]);
  });

  it('path says where a file would be, and where the folder is', async () => {
    const folder = await run('empty', ['weights', 'path']);
    expect(folder.stdout).toBe(`${at('empty', 'weights')}\n`);
    const { code, stdout, stderr } = await run('empty', ['weights', 'path', 'torchvision']);
    expect([code, stdout]).toEqual([0, `${at('empty', 'weights', TORCHVISION)}\n`]);
    expect(stderr).toEqual(['note: it is not there; `vgg16 weights fetch torchvision` fetches it']);
  });

  it('verify finds a file that changed', async () => {
    const path = await place('changed', TIMM);
    await run('changed', ['weights', 'verify', 'timm']);
    await writeFile(path, Buffer.concat([narrow, Buffer.of(0)]));
    const { code, stdout, stderr } = await run('changed', ['weights', 'verify', 'timm']);
    expect([code, stdout, stderr.length]).toEqual([4, '', 1]);
    expect(stderr[0]).toContain('damaged, or not the file that it is called');
  });
});

describe('classify without --weights', () => {
  it('takes what is in the cache and asks nobody', async () => {
    await place('cached', TIMM);
    const { code, stdout, stderr } = await run('cached', ['classify', 'a.png', '--json']);
    expect([code, stderr, server.asked.length]).toEqual([0, [], 0]);
    expect(JSON.parse(stdout)[0].predictions).toHaveLength(5);
  });

  it('passes over a bad file, and says how to be rid of it', async () => {
    await place('bad', TIMM, Buffer.from('hello\n'));
    const { code, stderr } = await run('bad', ['classify', 'a.png', '--offline']);
    expect([code, stderr.length]).toEqual([4, 2]);
    expect(stderr[0]).toMatch(/^note: .*no VGG16: .*; vgg16 weights rm timm removes it$/);
    expect(stderr[1]).toContain('no torchvision weights in the cache, and offline');
  });

  it("fetches torchvision's where nothing is there", async () => {
    server.behave(sends({ bytes: narrow, headers: {} }));
    const { code, stdout, stderr } = await run('first', ['classify', 'a.png']);
    expect([code, stdout, server.asked[0]!.url]).toEqual([4, '', `/weights/${TORCHVISION}`]);
    // It cannot be had from this server: the hash is in its name.
    expect(stderr.at(-1)).toContain('what was downloaded is not the torchvision weights');
  });

  it('--offline says where to put the file, in one line', async () => {
    const { code, stdout, stderr } = await run('alone', ['classify', 'a.png', '--offline']);
    expect([code, stdout, stderr.length, server.asked.length]).toEqual([4, '', 1, 0]);
    expect(stderr[0]).toContain(`save it as ${at('alone', 'weights', TORCHVISION)}`);
  });

  it('downloads nothing for pictures that are not there', async () => {
    const { code, stdout } = await run('unneeded', ['classify', 'nowhere.png', '--json']);
    expect([code, stdout, server.asked.length]).toEqual([3, '[]\n', 0]);
  });
});

it('names of what is in the cache are good wherever weights are', async () => {
  const path = await place('named', TIMM);
  const summary = await run('named', ['summary', '--weights', 'timm', '--json']);
  expect(JSON.parse(summary.stdout).weights).toMatchObject({ file: path, classes: 1000 });
  const classify = await run('named', ['classify', 'a.png', '--weights', 'timm', '--json']);
  expect([classify.code, JSON.parse(classify.stdout).length]).toEqual([0, 1]);
  const converted = await run('named', ['weights', 'convert', 'timm', '--dtype', 'f16']);
  expect([converted.code, converted.stdout]).toEqual([
    0,
    expect.stringMatching(/^timm\.safetensors: .* F16, /),
  ]);
  const inspected = await run('named', ['weights', 'inspect', 'timm.safetensors', '--json']);
  expect(JSON.parse(inspected.stdout).metadata).toMatchObject({
    license: 'BSD-3-Clause',
    source: expect.stringContaining('torchvision'),
  });
});

describe('a known name that is not in the cache', () => {
  it.each([
    [['classify', 'a.png', '--weights', 'timm', '--json']],
    [['features', 'a.png', '--until', 'fc1', '--out', 'f.npy', '--weights', 'timm']],
    [['summary', '--weights', 'timm']],
    [['weights', 'convert', 'timm', '--out', 'converted.safetensors', '--force']],
    [['weights', 'inspect', 'timm']],
    [['weights', 'diff', 'timm', 'narrow.safetensors']],
  ])('is fetched by %j, unless --offline', async (args) => {
    const cache = `names ${args.slice(0, 2).join(' ')}`;
    server.behave(sends({ bytes: narrow, headers: {} }));
    const alone = await run(cache, [...args, '--offline']);
    expect([alone.code, alone.stdout, server.asked.length]).toEqual([4, '', 0]);
    expect(alone.stderr.at(-1)).toMatch(/^error: no timm weights in the cache, and offline: /);
    expect([(await run(cache, args)).code, server.asked.length]).toEqual([0, 1]);
  });

  it.each(['verify', 'path', 'rm'])('is not fetched by weights %s', async (command) => {
    await run('unasked', ['weights', command, 'timm']);
    expect(server.asked).toEqual([]);
  });

  it('is not fetched to classify pictures that are not there', async () => {
    const { code } = await run('unasked', ['classify', 'nowhere.png', '--weights', 'timm']);
    expect([code, server.asked.length]).toEqual([3, 0]);
  });
});
