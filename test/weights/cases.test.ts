// Files as other tools write them, with the writing library's own answers: each is answered alike, or refused with a line
// that says what it is and what to do; what had to be assumed is in a note. The data lie beside the repository, or where
// VGG16_TEST_DATA points.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WeightsError } from '../../src/errors.js';
import type { Vgg16Options } from '../../src/node/vgg16.js';
import { VGG16 } from '../../src/node/vgg16.js';
import { useGpu } from '../support/gpu.js';

const FOLDER = join(process.env.VGG16_TEST_DATA ?? '../shared/data', 'cases');
const isThere = existsSync(join(FOLDER, 'expected.json'));
if (!isThere) console.warn(`SKIPPED test/weights/cases.test.ts: there is no ${FOLDER}`);

interface Answered {
  /** What the file does not say. */
  readonly told?: Pick<Vgg16Options, 'preprocess' | 'activation'>;
  /** What a note says of each thing that was assumed. */
  readonly notes?: readonly RegExp[];
}

/** Answered, but as another network: nothing in the file tells, and a note says what may be wrong. */
interface Assumed {
  readonly assumes: readonly RegExp[];
}

type Outcome = Answered | Assumed | RegExp;

const SOFTMAX = /softmax is assumed; --activation sigmoid/;
const LOGIT = /the single output is taken for the logit of two classes/;
const SIGMOID = /the single sigmoid output is carried over as two classes/;
const PIXELS = /does not say how pixels are prepared; .* is assumed; if that is wrong: --preprocess/;
const WEIGHTS_ONLY = /save the whole model as \.keras/;
const RESCALED = /prepares pixels within the model, .* --preprocess/;
const NAMES = /its names, .* are its own: layers are taken in the order of the file/;
const FOLDED = /batch normalisation is folded into the layers beside it, with PyTorch's usual epsilon/;

/** The outcome of each file, but for those that nothing but `told` opens: they stand twice. */
const OUTCOMES: readonly (readonly [file: string, outcome: Outcome])[] = [
  // One output, and independent ones.
  ['k08_regress.keras', { notes: [LOGIT, PIXELS] }],
  ['z02_dense1_logit.h5', { notes: [LOGIT, PIXELS] }],
  ['z02_dense1.onnx', { notes: [LOGIT, PIXELS] }],
  ['t03_sigmoid_pth.pth', { notes: [LOGIT, PIXELS] }],
  ['t03_sigmoid.onnx', { notes: [SIGMOID, PIXELS] }],
  ['l07_tf2onnx_sigmoid.onnx', { notes: [SIGMOID, PIXELS] }],
  ['k01_blog150.keras', { notes: [SIGMOID, PIXELS] }],
  ['k07_multilabel.weights.h5', { assumes: [SOFTMAX] }],
  ['k07_multilabel.weights.h5', { told: { activation: 'sigmoid' }, notes: [PIXELS] }],
  ['t10_argmax.onnx', { notes: [/ArgMax/, PIXELS] }],

  // How pixels are prepared.
  ['k19_unit.keras', { assumes: [PIXELS] }],
  ['k19_unit.keras', { told: { preprocess: 'unit' } }],
  ['k04_prep_inside.keras', {}],
  ['l02_prep_oplambda.h5', {}],
  ['k05_rescaling255.keras', {}],
  ['k05_rescaling.weights.h5', RESCALED],
  ['k05_rescaling.weights.h5', { told: { preprocess: 'unit' }, notes: [SOFTMAX] }],
  ['l02_rescaling.weights.h5', RESCALED],
  ['x05_rescaling.h5', RESCALED],
  ['x05_rescaling.h5', { told: { preprocess: 'unit' }, notes: [SOFTMAX] }],
  ['t09_vgg16_caffe_1000.pth', { assumes: [PIXELS] }],
  ['t09_vgg16_caffe_1000.pth', { told: { preprocess: 'caffe' } }],

  // Poolings of the head.
  ['k02_gmp.keras', { notes: [PIXELS] }],
  ['t05_amax.onnx', { notes: [PIXELS] }],
  ['z01_avgpool.onnx', { notes: [PIXELS] }],

  // Borders of zeros in layers of their own.
  ['k11_zeropad.keras', { notes: [PIXELS] }],

  // Batch normalisation.
  ['k03_bn.keras', { notes: [PIXELS] }],
  ['k03_bn_gap.keras', { notes: [PIXELS] }],
  ['t02_vgg16_bn.pth', { notes: [FOLDED, SOFTMAX, PIXELS] }],
  ['t02_bn_train.onnx', { notes: [PIXELS] }],
  ['t03_bn1d_head.pth', { notes: [FOLDED, SOFTMAX, PIXELS] }],
  ['t03_bn1d.onnx', { notes: [PIXELS] }],
  ['l07_tf2onnx_bn.onnx', { notes: [PIXELS] }],

  // Layers written in other ways, and old formats.
  ['k12_deepface.weights.h5', { notes: [SOFTMAX, PIXELS] }],
  ['l07_ortopt.onnx', { notes: [SOFTMAX, PIXELS] }],
  ['l06_VGG16.caffemodel', { notes: [NAMES, SOFTMAX, PIXELS] }],

  // Names and metadata.
  ['t01_model_best.pth.tar', { notes: [SOFTMAX, PIXELS] }],
  ['t08_hf/model.safetensors.index.json', { notes: [SOFTMAX, PIXELS] }],
  ['t08_hf/model-00001-of-00002.safetensors', { notes: [SOFTMAX, PIXELS] }],
  ['t08_hf/model-00002-of-00002.safetensors', { notes: [SOFTMAX, PIXELS] }],
  ['t08_meta.safetensors', { notes: [/metadata size, "224x224", says nothing/, SOFTMAX, PIXELS] }],
  ['t05_nn_sequential.pth', { notes: [NAMES, SOFTMAX, PIXELS] }],
  ['t11_fastai_save.pth', /a head that reads the average and the maximum of the map \(fastai's/],
  ['y_vggface_pth.pth', { notes: [NAMES, SOFTMAX, PIXELS] }],
  ['t05_head_after_1000.pth', /"fc\.weight" reads the 6 outputs .* a head behind a head is not supported/],
  ['y_timm0.pth', /timm left its last layer out \(num_classes=0\)/],

  // Files of weights alone, whose models are not told.
  ['x01_legacy_gmp_named.h5', { assumes: [/averaged .* if it is GlobalMaxPooling2D, save the whole model/] }],
  ['l03_tf_th.h5', { assumes: [/Keras 1 wrote this file .* Theano's are turned/] }],
  ['z01_avgpool_part.h5', WEIGHTS_ONLY],
  ['k28_avgpool2p.weights.h5', WEIGHTS_ONLY],
  ['k03_bn.weights.h5', WEIGHTS_ONLY],
  ['k21_subclass.keras', /a subclassed Keras model, .* Sequential or the functional API/],
  ['l03_baraldi.h5', /layers by number .* are not read: set the numbers in a Keras model/],

  // Layers that are not read.
  ['k30_int8.keras', /"dense_48" is quantised, which is not supported: save the model as it was before/],

  // Pickles and programs.
  ['t03_udacity.pth', { notes: [/named by the file's "class_to_idx"/, SOFTMAX, PIXELS] }],
  ['t07_junk.pth', { notes: [SOFTMAX, PIXELS] }],
  ['t07_lightning.ckpt', { notes: [/left out, beside the network/, SOFTMAX, PIXELS] }],
  ['y_npscalar.pth', { notes: [SOFTMAX, PIXELS] }],
  ['y_posix.pth', { notes: [SOFTMAX, PIXELS] }],
  ['t04_traced.pt', { notes: [SOFTMAX, PIXELS] }],

  // Formats that are not read.
  ['l06_vgg16.npy', /a NumPy file of Python objects .* layer by layer/],
  ['l06_imagenet-vgg-verydeep-16.mat', /a MATLAB file .*--weights keras/],
  ['l06_v73.mat', /a MATLAB file .*--weights keras/],
  ['saved_model.pb', /the graph of a TensorFlow SavedModel/],
  ['k18.tflite', /a TensorFlow Lite model/],
  ['cp.ckpt.index', /part of a TensorFlow checkpoint/],
];

/** No weights: the pictures, and the answers. */
const OTHERS = /(^|\/)(p\d+\.png|brain\.png|expected\.json)$/;

interface Case {
  readonly file: string;
  readonly picture: string;
  /** Probabilities by class; the number itself of a network with one linear output. */
  readonly expected: readonly number[] | null;
}

const MAX_DIFFERENCE = 1e-4;

describe.skipIf(!isThere)('files of other tools', () => {
  const gpu = useGpu();
  const text = isThere ? readFileSync(join(FOLDER, 'expected.json'), 'utf8') : '{}';
  const cases = new Map(
    Object.values(JSON.parse(text) as Record<string, Case>).map((found) => [found.file, found]),
  );

  it('all stand in the table', () => {
    const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(FOLDER.length + 1))
      .filter((file) => !OTHERS.test(file));
    expect(files.sort()).toEqual([...new Set(OUTCOMES.map(([file]) => file))].sort());
    expect([...cases.keys()].filter((file) => !files.includes(file))).toEqual([]);
  });

  it.each(OUTCOMES)('%s: %o', async (file, outcome) => {
    const path = join(FOLDER, file);
    if (outcome instanceof RegExp) {
      const error = await VGG16.load({ weights: path, gpu: gpu() }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(WeightsError);
      const { message } = error as WeightsError;
      expect(message.startsWith(`${path}: `)).toBe(true);
      expect(message).toMatch(outcome);
      expect(message).not.toContain('\n');
      return;
    }
    const { expected, picture } = cases.get(file.replace('00002-of', '00001-of'))!;
    const told = 'told' in outcome ? outcome.told : {};
    const model = await VGG16.load({ weights: path, gpu: gpu(), ...told });
    try {
      const crop = Number(/\d+/.exec(picture)![0]);
      const framing = { resize: 'none', crop } as const;
      const predictions = await model.classify(join(FOLDER, picture), { topK: 1000, framing });
      const own = predictions.toSorted((a, b) => a.index - b.index).map(({ score }) => score);
      const wanted = expected!.length === 1 ? twoClasses(expected![0]!) : expected!;
      expect(own.length).toBe(wanted.length);
      const difference = Math.max(...own.map((score, i) => Math.abs(score - wanted[i]!)));
      if ('assumes' in outcome) expect(difference).toBeGreaterThan(MAX_DIFFERENCE);
      else expect(difference).toBeLessThanOrEqual(MAX_DIFFERENCE);
      const notes = 'assumes' in outcome ? outcome.assumes : (outcome.notes ?? []);
      for (const note of notes) expect(model.notes.filter((text) => note.test(text))).toHaveLength(1);
    } finally {
      model.dispose();
    }
  });
});

/** What a network's one number is, taken for the logit of the second of two classes. */
function twoClasses(logit: number): number[] {
  return [1 / (1 + Math.exp(logit)), 1 / (1 + Math.exp(-logit))];
}
