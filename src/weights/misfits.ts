// What a file is that is no VGG16 in torchvision's or timm's names, as far as its names and shapes show it.

import { CONVS } from '../architecture.js';
import type { TensorEntry } from './source.js';
import { listNames } from './text.js';

type Shapes = ReadonlyMap<string, Pick<TensorEntry, 'shape'>>;

/** The networks that VGG16 is taken for, by their number of convolutions. */
export const RELATIVES: ReadonlyMap<number, string> = new Map([
  [8, 'VGG11'],
  [10, 'VGG13'],
  [16, 'VGG19'],
]);

/** What the convolutions show. */
export function misfitBase(tensors: Shapes): string | undefined {
  const names = [...tensors.keys()];
  const numbers = names.flatMap((name) => /^features\.(\d+)\.weight$/.exec(name)?.[1] ?? []).map(Number);
  if (numbers.length === 0) {
    const found = names.length === 0 ? 'no tensor at all' : listNames(names);
    return (
      `not a VGG16 in torchvision's or timm's names (features.0.weight ...): it holds ${found}; a model with names of its ` +
      'own is read from ONNX (torch.onnx.export)'
    );
  }
  // What has no other numbers is a part of a VGG16.
  const own = CONVS.map(({ torchvision }) => torchvision);
  const isPart = numbers.every((number) => own.includes(`features.${number}`));
  const relative = isPart ? undefined : RELATIVES.get(numbers.length);
  return (
    relative && `this looks like ${relative}: ${numbers.length} convolutions where VGG16 has ${CONVS.length}`
  );
}

/** What the dense layers show. */
export function misfitHead(tensors: Shapes): string | undefined {
  const names = [...tensors.keys()];
  const kernels = names.filter((name) => /^(classifier|pre_logits|head)\b.*\.weight$/.test(name));
  const bare = kernels.filter((name) => !tensors.has(name.replace(/weight$/, 'bias')));
  const rankOf = (name: string) => tensors.get(name)!.shape.length;
  const slopes = bare.filter((name) => rankOf(name) === 1);
  if (slopes.length > 0)
    return `${listNames(slopes)}, a PReLU as it looks, is not supported: only ReLU is, between dense layers`;
  const isTimms = tensors.has('pre_logits.fc1.weight') && !tensors.has('head.fc.weight');
  if (isTimms && !tensors.has('head.fc.bias')) {
    return 'timm left its last layer out (num_classes=0), so that there are no classes: save the model with them';
  }
  return undefined;
}
