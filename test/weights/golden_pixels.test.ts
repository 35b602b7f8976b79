// Models that prepare pixels themselves, or say the size of their pictures: each answers as the library that wrote it, whose
// answer is for the picture's bytes as they are, or is refused in one line. By the float64 network, without a GPU.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Picture } from '../../src/image/picture.js';
import { defaultFraming } from '../../src/model/requests.js';
import { widthsOf } from '../../src/network/layers.js';
import { openWeights } from '../../src/node/weights/open.js';
import type { Preprocess } from '../../src/weights/archive.js';
import { describeVgg16 } from '../../src/weights/vgg16.js';
import { expected } from '../support/expected.js';
import { thrownBy } from './files.js';

const FOLDER = 'test/golden/pixels';

interface Golden {
  readonly height: number;
  readonly width: number;
  readonly probabilities: readonly number[];
  /** Where the file cannot say it. */
  readonly preprocess?: Preprocess;
}

const goldenOf = (file: string): Record<string, Golden> =>
  JSON.parse(readFileSync(`${FOLDER}/${file}`, 'utf8'));
const ALL = { ...goldenOf('keras.json'), ...goldenOf('onnx.json') };

/** As the golden scripts compute it. */
function picture({ height, width }: Golden): Picture {
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const [row, column, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
    return (row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256;
  });
  return { height, width, data };
}

async function described(file: string, preprocess?: Preprocess) {
  const source = await openWeights(`${FOLDER}/${file}`, { preprocess });
  await source.close();
  return { ...describeVgg16(source), notes: source.notes };
}

const refusalOf = async (file: string, preprocess?: Preprocess) =>
  (await thrownBy(() => described(file, preprocess))).message.replace(`${FOLDER}/${file}: `, '');

const isRefused = (file: string) => /oblong/.test(file);

describe('pixels that a model prepares itself', () => {
  it.each(Object.keys(ALL).filter((file) => !isRefused(file)))(
    '%s answers as its library does',
    async (file) => {
      const golden = ALL[file]!;
      const { preprocess } = golden;
      const results = await expected(`${FOLDER}/${file}`, [picture(golden)], { preprocess });
      const answer = [...results.get('softmax')!];
      expect(answer).toHaveLength(golden.probabilities.length);
      answer.forEach((probability, i) => {
        expect(Math.abs(probability - golden.probabilities[i]!)).toBeLessThan(1e-5);
      });
    },
  );

  it.each([
    ['keras3_unit.keras', 'unit'],
    ['keras2_signed.h5', 'signed'],
    ['keras3_caffe.keras', 'caffe'],
    ['keras2_torch.h5', 'torchvision'],
    ['torch_bytes.onnx', 'torchvision'],
    ['caffe_nhwc.onnx', 'caffe'],
  ])('%s is %s, and nothing is taken for granted', async (file, wanted) => {
    const { preprocess, notes } = await described(file);
    expect([preprocess, notes]).toEqual([wanted, []]);
  });

  it('torch_unit_input.onnx is torchvision, for its input goes from 0 to 1, and a note says so', async () => {
    const { preprocess, notes } = await described('torch_unit_input.onnx');
    expect(preprocess).toBe('torchvision');
    expect(notes).toEqual([
      expect.stringMatching(/from 0 to 1, and is given bytes \/ 255: together, torchvision$/),
    ]);
  });

  it.each(['odd.onnx', 'keras3_odd.keras', 'keras2_odd.h5'])('%s scales by 1/128: a recipe', async (file) => {
    expect((await described(file)).preprocess).toBe('rgb - 128 / 128');
  });

  it.each(['keras3_unit.weights.h5', 'keras3_named.weights.h5', 'keras2_unit.weights.h5'])(
    '%s lists a layer that scales, but not by what: refused until the caller says it',
    async (file) => {
      expect(await refusalOf(file)).toMatch(
        /^layer "\w+" \(rescaling\), whose numbers a file of weights does not tell, .*--preprocess \(preprocess\) says it, as torchvision/,
      );
      expect((await described(file, 'unit')).preprocess).toBe('unit');
    },
  );
});

describe('the size that a model says', () => {
  it.each([
    ['keras3_size.keras', 70],
    ['keras2_size.h5', 100],
    ['signed.onnx', 70],
    ['unit_nhwc.onnx', 100],
  ])('%s: it is that of the pictures by default', async (file, size) => {
    const weights = await described(file);
    expect(weights.size).toBe(size);
    expect(defaultFraming(widthsOf(weights)).crop).toBe(size);
  });

  it.each(['keras3_oblong.keras', 'keras2_oblong.h5', 'oblong.onnx'])(
    '%s: a flattened map of 1 x 4 is not taken for one of 2 x 2',
    async (file) => {
      expect(await refusalOf(file)).toMatch(/^pictures of 32 x 128 px, .* map of 1 x 4.*only square/);
    },
  );
});
