// Files whose layers are arranged in other ways than torchvision's and Keras' own, as the libraries write them: the answers are
// the library's, or the file is refused. test/golden/arrangements/make_golden.py has the list.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { VGG16 } from '../../src/node/vgg16.js';
import { convertWeights } from '../../src/node/weights/convert.js';
import { openWeights } from '../../src/node/weights/open.js';
import { goldenPicture } from '../support/golden_weights.js';
import { useGpu } from '../support/gpu.js';
import { temporaryFolder, thrownBy } from './files.js';

const GOLDEN = 'test/golden/arrangements';
const gpu = useGpu();
const folder = temporaryFolder();

type Answers = Readonly<Record<string, readonly number[] | null>>;
const answers = ['torch', 'keras'].flatMap((kind) =>
  Object.entries(JSON.parse(readFileSync(join(GOLDEN, `${kind}.json`), 'utf8')) as Answers),
);
const answered = answers.flatMap(([file, wanted]) => (wanted ? [[file, wanted] as const] : []));

/** Scores by class, labels, and notes but for those that any foreign file gets. */
async function classified(weights: string) {
  const model = await VGG16.load({ weights, gpu: gpu() });
  try {
    const found = await model.classify(goldenPicture(), { framing: { resize: 'none', crop: 64 } });
    const notes = model.notes.filter((note) => !/how pixels are prepared|softmax is assumed/.test(note));
    return { found: found.toSorted((a, b) => a.index - b.index), notes };
  } finally {
    model.dispose();
  }
}

describe('layers in other arrangements', () => {
  it.each(answered)(
    '%s gives the library’s answers, and its conversion gives them again',
    async (file, wanted) => {
      const path = join(GOLDEN, file);
      const converted = join(folder, `${file}.safetensors`);
      await convertWeights(path, converted);
      for (const weights of [path, converted]) {
        const { found } = await classified(weights);
        expect(found).toHaveLength(wanted.length);
        for (const [i, { score }] of found.entries()) expect(score).toBeCloseTo(wanted[i]!, 5);
      }
    },
  );

  it.each<[string, readonly RegExp[]]>([
    ['torch_norm_base.pth', [/^batch normalisation is folded .* epsilon of 0\.00001$/, /^ReLU between/]],
    [
      'torch_norm_named.pth',
      [/folded/, /^"classifier\.bn1" is assumed to come directly after "classifier\.fc1"/, /^ReLU between/],
    ],
    ['torch_sequential.pth', [/^its names, "0\.0", "2\.2", are its own: layers are taken in the order/]],
    ['torch_checkpoint.pth', [/begin with "model\."/, /^ReLU between/, /named by the file's "idx_to_class"/]],
    ['torch_parallel.pth', [/begin with "module\."/, /^ReLU between/]],
  ])('%s: says what is taken for granted', async (file, notes) => {
    expect((await classified(join(GOLDEN, file))).notes).toEqual(
      notes.map((note) => expect.stringMatching(note)),
    );
  });

  it('torch_checkpoint.pth names its classes', async () => {
    const { found } = await classified(join(GOLDEN, 'torch_checkpoint.pth'));
    expect(found.map(({ label }) => label)).toEqual(['ant', 'bee', 'wasp']);
  });

  it('torch_whole.pth says itself that softmax follows', async () => {
    const model = await VGG16.load({ weights: join(GOLDEN, 'torch_whole.pth'), gpu: gpu() });
    expect(model.notes.filter((note) => note.includes('softmax'))).toEqual([]);
    model.dispose();
  });

  it.each<[string, RegExp]>([
    ['torch_leaky.pth', /"classifier\.1" is a LeakyReLU, which is not supported in this place/],
    [
      'torch_norm_named.safetensors',
      /where the normalisation "classifier\.bn1" stands is not told by its name/,
    ],
    ['torch_norm_border.pth', /"features\.2" comes before the convolution "features\.3", whose padding/],
    ['torch_concat.pth', /a head that does not read what they give: "1\.2\.weight" has the shape \(3, 8\)/],
    [
      'keras_norm_border.keras',
      /"batch_normalization.*" \(BatchNormalization\) is not supported in this place/,
    ],
  ])('%s is refused', async (file, line) => {
    const path = join(GOLDEN, file);
    const { message } = await thrownBy(async () => (await openWeights(path)).close());
    expect(message.startsWith(`${path}: `)).toBe(true);
    expect(message).toMatch(line);
    expect(answers.find(([name]) => name === file)![1]).toBeNull();
  });
});
