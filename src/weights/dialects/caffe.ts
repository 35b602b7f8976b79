// VGG16 in a Caffe model: Oxford's own conv1_1 to fc8, or any other names. Layers are taken in the order of the file, and laid out
// as PyTorch's are; pixels are Caffe's.

import type { Archive, FoundVgg16 } from '../archive.js';
import { FileFault } from '../file.js';
import { listNames } from '../text.js';
import { findTorch } from './torch.js';
import { inOrderOfFile } from './torch_layers.js';

/** @throws FileFault for layers that do not follow each other as VGG16's do; WeightsError as `findTorch` */
export async function findCaffe(archive: Archive): Promise<FoundVgg16> {
  if (!(await inOrderOfFile(archive.tensors))) {
    const layers = [...archive.tensors.keys()].flatMap((name) => /^(.*)\.weight$/.exec(name)?.[1] ?? []);
    throw new FileFault(
      `not a VGG16: its layers, ${listNames(layers) || 'none'}, are not thirteen convolutions and dense layers that follow each other`,
    );
  }
  const found = await findTorch(archive);
  return { ...found, preprocess: 'caffe', guessedBy: "the format, which is Caffe's" };
}
