// npm run bench:files: files of VGG16 as other tools write them, and what becomes of each here. Writes docs/files.md.
//
// The files and the writing library's own answers lie beside the repository (VGG16_TEST_DATA, else ../shared/data), in cases/.
// A file counts as answered where every probability is within 1e-4 of the library's; where it is not, it is asked again with what
// its user would have to say.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Gpu, VGG16, type Vgg16Options } from '../src/index.js';
import { testData } from './support/data.js';

const MAX_DIFFERENCE = 1e-4;

/** Who wrote what, by file. */
const FILES: Readonly<Record<string, readonly [writer: string, what: string]>> = {
  't01_model_best.pth.tar': [
    'PyTorch',
    'checkpoint of its ImageNet example, DataParallel around the features',
  ],
  't02_vgg16_bn.pth': ['PyTorch', 'VGG16-BN, state dict'],
  't03_bn1d_head.pth': ['PyTorch', 'BatchNorm1d in the head'],
  't03_sigmoid_pth.pth': ['PyTorch', 'one output'],
  't03_udacity.pth': ['PyTorch', "Udacity's checkpoint: state dict, pickled classifier, class_to_idx"],
  't04_traced.pt': ['PyTorch', 'TorchScript, traced'],
  't05_head_after_1000.pth': ['PyTorch', 'a head behind the classes of another'],
  't05_nn_sequential.pth': ['PyTorch', 'nn.Sequential of features and classifier'],
  't07_junk.pth': ['PyTorch', 'checkpoint with objects of many classes'],
  'y_npscalar.pth': ['PyTorch', 'checkpoint with a NumPy number'],
  'y_posix.pth': ['PyTorch', 'checkpoint with a path'],
  'y_vggface_pth.pth': ['PyTorch', 'conv1_1 ... fc8'],
  't09_vgg16_caffe_1000.pth': ['PyTorch', "Caffe's weights in torchvision's names, random head"],
  't07_lightning.ckpt': ['Lightning', 'checkpoint with hyperparameters'],
  't11_fastai_save.pth': ['fastai', 'learner.save, AdaptiveConcatPool2d'],
  'y_timm0.pth': ['timm', 'num_classes=0'],
  't08_hf/model.safetensors.index.json': ['Hugging Face', 'weights in two files, by their index'],
  't08_hf/model-00001-of-00002.safetensors': ['Hugging Face', 'the same, by the first file'],
  't08_meta.safetensors': ['safetensors', 'foreign metadata: size, classes'],
  'k01_blog150.keras': ['Keras 3', 'one sigmoid, 150 px'],
  'k02_gmp.keras': ['Keras 3', 'GlobalMaxPooling2D'],
  'k03_bn.keras': ['Keras 3', 'BatchNormalization in the head'],
  'k03_bn_gap.keras': ['Keras 3', 'BatchNormalization behind the average'],
  'k03_bn.weights.h5': ['Keras 3', 'BatchNormalization, weights only'],
  'k04_prep_inside.keras': ['Keras 3', 'preprocess_input inside the model'],
  'k05_rescaling255.keras': ['Keras 3', 'Rescaling(1/255) inside the model'],
  'k05_rescaling.weights.h5': ['Keras 3', 'the same, weights only'],
  'k07_multilabel.weights.h5': ['Keras 3', 'independent classes, weights only'],
  'k08_regress.keras': ['Keras 3', 'one linear output'],
  'k11_zeropad.keras': ['Keras 3', 'ZeroPadding2D before each convolution'],
  'k12_deepface.weights.h5': ['Keras 3', 'dense layers as convolutions, weights only'],
  'k19_unit.keras': ['Keras 3', 'trained on RGB / 255'],
  'k21_subclass.keras': ['Keras 3', 'subclassed model'],
  'k30_int8.keras': ['Keras 3', 'quantised to int8'],
  'l02_prep_oplambda.h5': ['Keras 2', 'preprocess_input inside the model'],
  'l02_rescaling.weights.h5': ['Keras 2', 'Rescaling, weights only'],
  'x01_legacy_gmp_named.h5': ['Keras 2', 'GlobalMaxPooling2D under a name of its own, weights only'],
  'x05_rescaling.h5': ['Keras 2', 'Rescaling, legacy weights'],
  'z01_avgpool_part.h5': ['Keras 2', 'AveragePooling2D((4, 4)), weights only'],
  'z02_dense1_logit.h5': ['Keras 2', 'one linear output'],
  'l03_tf_th.h5': ['Keras 1', "Theano's kernels in TensorFlow's order"],
  'l03_baraldi.h5': ['Keras 1', 'layers by number (vgg16_weights.h5)'],
  't02_bn_train.onnx': ['PyTorch, ONNX', 'VGG16-BN, not folded'],
  't03_bn1d.onnx': ['PyTorch, ONNX', 'BatchNorm1d in the head'],
  't03_sigmoid.onnx': ['PyTorch, ONNX', 'one sigmoid'],
  't05_amax.onnx': ['PyTorch, ONNX', 'AdaptiveMaxPool2d in the head'],
  't10_argmax.onnx': ['PyTorch, ONNX', 'Softmax and ArgMax at the end'],
  'l07_tf2onnx_bn.onnx': ['tf2onnx', 'normalisation in the head, taken apart'],
  'l07_tf2onnx_sigmoid.onnx': ['tf2onnx', 'one sigmoid'],
  'z01_avgpool.onnx': ['tf2onnx', 'AveragePooling2D((4, 4))'],
  'z02_dense1.onnx': ['tf2onnx', 'one linear output'],
  'l07_ortopt.onnx': ['onnxruntime', 'graph that its optimiser fused'],
  'saved_model.pb': ['TensorFlow', 'SavedModel'],
  'k18.tflite': ['TensorFlow', 'TensorFlow Lite'],
  'cp.ckpt.index': ['TensorFlow', 'checkpoint'],
  'l06_VGG16.caffemodel': ['Caffe', '.caffemodel'],
  'l06_imagenet-vgg-verydeep-16.mat': ['MatConvNet', '.mat, version 5'],
  'l06_v73.mat': ['MatConvNet', '.mat, version 7.3'],
  'l06_vgg16.npy': ['NumPy', "machrisaa's vgg16.npy"],
};

/** What a user may have to say, as little as possible first. */
const SAID: readonly (readonly [flag: string, options: Vgg16Options])[] = [
  ['', {}],
  ['--preprocess unit', { preprocess: 'unit' }],
  ['--preprocess caffe', { preprocess: 'caffe' }],
  ['--activation sigmoid', { activation: 'sigmoid' }],
];

interface Case {
  readonly file: string;
  readonly picture: string;
  readonly expected: readonly number[] | null;
}

const data = testData();
if (!data) process.exit(0);
const folder = join(data, 'cases');
if (!existsSync(join(folder, 'expected.json'))) {
  console.error(`SKIPPED: there is no ${folder}`);
  process.exit(0);
}
const cases: Readonly<Record<string, Case>> = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
const gpu = await Gpu.open();

/** The largest difference of a probability; undefined where there is none to compare. @throws WeightsError */
async function difference(one: Case, options: Vgg16Options): Promise<{ difference: number; notes: number }> {
  const model = await VGG16.load({ weights: join(folder, one.file), gpu, ...options });
  try {
    const crop = Number(/\d+/.exec(one.picture)![0]);
    const framing = { resize: 'none', crop } as const;
    const found = await model.classify(join(folder, one.picture), { topK: 1000, framing });
    const scores = found.toSorted((a, b) => a.index - b.index).map(({ score }) => score);
    const wanted = one.expected!.length === 1 ? ofLogit(one.expected![0]!) : one.expected!;
    const differences = scores.map((score, i) => Math.abs(score - (wanted[i] ?? Number.POSITIVE_INFINITY)));
    return { difference: Math.max(...differences), notes: model.notes.length };
  } finally {
    model.dispose();
  }
}

function ofLogit(z: number): number[] {
  return [1 / (1 + Math.exp(z)), 1 / (1 + Math.exp(-z))];
}

async function verdictOf(one: Case): Promise<string> {
  let refusal: string | undefined;
  for (const [flag, options] of SAID) {
    try {
      const found = await difference(one, options);
      if (found.difference <= MAX_DIFFERENCE) {
        const how = flag === '' ? 'answered' : `answered with \`${flag}\``;
        return refusal === undefined && flag !== '' ? `${how}; without, another answer, with a note` : how;
      }
    } catch (error) {
      if (!(error instanceof Error && error.name === 'WeightsError')) throw error;
      refusal ??= error.message.slice(error.message.indexOf(': ') + 2);
    }
  }
  return refusal === undefined
    ? 'another answer, with a note of what it assumes'
    : `refused: ${escaped(refusal)}`;
}

/** As Markdown shows it, and not longer than a table can bear. */
function escaped(message: string): string {
  const short = message.length > 160 ? `${message.slice(0, 160)}…` : message;
  return short.replace(/[|<>*_`]/g, (c) => `\\${c}`);
}

function markdown(heading: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...lines.map(line)].join('\n');
}

const rows: string[][] = [];
for (const [file, [writer, what]] of Object.entries(FILES)) {
  const one = Object.values(cases).find((found) => found.file === file);
  if (!one) throw new Error(`${file} is not in expected.json`);
  const verdict = await verdictOf(one.expected ? one : { ...one, expected: [] });
  rows.push([writer, what, verdict]);
  console.error(`${file}: ${verdict}`);
}
gpu.dispose();
const missing = Object.values(cases).filter(({ file }) => !(file in FILES));
if (missing.length > 0) throw new Error(`no line for ${missing.map(({ file }) => file).join(', ')}`);
const count = (start: string) => rows.filter(([, , verdict]) => verdict!.startsWith(start)).length;
writeFileSync(
  'docs/files.md',
  `# Files of other tools

What becomes of ${rows.length} VGG16 files, each written by the tool that it names (\`npm run bench:files\`; the files are not in this
repository). ${count('answered')} are answered: every probability is within 1e-4 of the tool's own. ${count('refused')} are refused with a line that says what
to do. ${count('another')} can only be answered as another network, because the file does not say what it computes; a note says what is assumed.
[What is understood in general](weights.md#which-layers-are-understood).

${markdown(['written by', 'what', 'here'], rows)}
`,
);
