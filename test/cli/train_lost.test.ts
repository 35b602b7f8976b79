// The GPU goes away while a head is trained from the command line.

import { afterEach, expect, it, vi } from 'vitest';
import { Gpu } from '../../src/node/gpu.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { useFolder } from './support.js';
import { program, QUICK, traceOf, writeBase, writePhotos } from './training.js';

const at = useFolder();
afterEach(() => vi.restoreAllMocks());

it('a lost device ends training with 7, says how to go on, and what is said goes on', async () => {
  await writeBase(at('base.safetensors'));
  await writePhotos(at('photos'));
  const args = ['train', at('photos'), '--weights', at('base.safetensors'), ...QUICK, '--no-cache'];
  expect((await program([...args, '--out', at('whole')])).code).toBe(0);

  // Its own, because the shared device is needed by others.
  using gpu = await Gpu.open();
  const load = VGG16.load.bind(VGG16);
  vi.spyOn(VGG16, 'load').mockImplementation((options) => load({ ...options, gpu }));
  const { code, stdout, stderr } = await program([...args, '--out', at('lost')], (text) => {
    if (/^ +2\/6 /.test(text)) gpu.device.destroy();
  });
  expect([code, stdout]).toEqual([7, '']);
  expect(stderr.at(-1)).toMatch(
    /^error: .*lost holds epoch 2 in last\.safetensors .*; vgg16 train --resume '.*lost' goes on$/,
  );

  vi.restoreAllMocks();
  expect((await program(['train', '--resume', at('lost')])).code).toBe(0);
  expect(await traceOf(at('lost'))).toEqual(await traceOf(at('whole')));
});
