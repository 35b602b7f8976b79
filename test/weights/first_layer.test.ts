import { expect, test } from 'vitest';
import { embeddedBasePath } from '../../src/node/embedded.js';
import { openSafetensors } from '../../src/node/weights/safetensors.js';
import { oxfordsFirstLayer } from '../../src/weights/first_layer.js';
import { readFloats } from '../../src/weights/floats.js';

test("the original network's first convolution is the embedded base's, bit for bit", async () => {
  const source = await openSafetensors(embeddedBasePath());
  try {
    const { kernel, bias } = oxfordsFirstLayer();
    expect(kernel).toEqual(await readFloats(source, 'features.0.weight'));
    expect(bias).toEqual(await readFloats(source, 'features.0.bias'));
  } finally {
    await source.close();
  }
});
