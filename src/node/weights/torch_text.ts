// The lines of Python that load an exported network in PyTorch, prepare a picture for it, and ask it.

import {
  BLOCKS,
  FEATURE_LAYERS,
  IMAGENET_SIDE,
  type Pool,
  pictureSideOf,
  windowOf,
} from '../../architecture.js';
import { framingForSize } from '../../image/framing.js';
import { arithmeticOf } from '../../weights/preprocess.js';
import type { Vgg16Weights } from '../../weights/vgg16.js';

/**
 * For a safetensors file in torchvision's names; it needs torchvision, safetensors and Pillow.
 *
 * @param file  as it is called there
 */
export function torchText(weights: Vgg16Weights, file: string): string {
  const { convs, dense, pool, features, featureSide, preprocess, activation } = weights;
  const side =
    weights.size ?? (featureSide === undefined ? IMAGENET_SIDE : pictureSideOf(featureSide, features, pool));
  const { resize, crop } = framingForSize(side);
  const layers = BLOCKS.slice(0, 1 + FEATURE_LAYERS.indexOf(features)).flatMap((block) => [
    ...block.map(({ name }) => String(convs.find(({ layer }) => layer === name)!.outputChannels)),
    "'M'",
  ]);
  const head = dense.flatMap(({ inputs, outputs }, i) => [
    ...(i > 0 ? ['nn.ReLU()', 'nn.Dropout()'] : []),
    `nn.Linear(${inputs}, ${outputs})`,
  ]);
  const { reverse, mean, scale } = arithmeticOf(preprocess);
  const order = reverse ? 'pixels.flip(0)' : 'pixels';
  const numbers = (values: readonly number[]) =>
    `torch.tensor([${values.map(short).join(', ')}]).view(3, 1, 1)`;
  const isScaled = scale.some((value) => value !== 1);
  const deviation = isScaled ? ` / ${numbers(scale.map((value) => 1 / value))}` : '';
  const shifted = mean.some((value) => value !== 0) ? `(${order} - ${numbers(mean)})` : order;
  const map = pooledText(pool, 'net.features(x[None])');
  const end = activation === 'sigmoid' ? '.sigmoid()' : '.softmax(1)';
  return [
    'import torch, torchvision',
    'from PIL import Image',
    'from safetensors.torch import load_file',
    'from torch import nn',
    'from torchvision import transforms as T',
    '',
    'net = nn.Module()',
    `net.features = torchvision.models.vgg.make_layers([${layers.join(', ')}])`,
    ...(dense.length > 0 ? [`net.classifier = nn.Sequential(${head.join(', ')}).eval()`] : []),
    `net.load_state_dict(load_file(${JSON.stringify(file)}))`,
    `frame = T.Compose([T.Resize(${resize}), T.CenterCrop(${crop}), T.PILToTensor()])`,
    'pixels = frame(Image.open("photo.jpg").convert("RGB")).float()',
    `x = ${shifted}${deviation}`,
    dense.length > 0 ? `print(net.classifier(${map})${end})` : 'print(net.features(x[None]).shape)',
  ].join('\n');
}

/** What the head reads of a feature map. */
function pooledText(pool: Pool, map: string): string {
  if (pool === 'flatten') return `${map}.flatten(1)`;
  if (pool === 'avg') return `${map}.mean((2, 3))`;
  if (pool === 'max') return `${map}.amax((2, 3))`;
  return `nn.functional.avg_pool2d(${map}, ${windowOf(pool)}).flatten(1)`;
}

/** Nine digits tell singles apart. */
function short(value: number): string {
  return String(Number(value.toPrecision(9)));
}
