// The names of classes.

import imagenet from './imagenet_labels.json';

export interface Label {
  /** WordNet's number of the thing, for instance n01440764; null for classes that are not ImageNet's. */
  readonly wnid: string | null;
  readonly label: string;
}

/** The 1000 classes of ImageNet (ILSVRC 2012) in the order in which every VGG16 numbers them. */
export const IMAGENET_LABELS: readonly Label[] = imagenet.map(([wnid, label]) => ({
  wnid: wnid!,
  label: label!,
}));

/** Labels for a classifier: those its file names, else ImageNet's if there are 1000 classes, else numbers. */
export function labelsFor(classes: number, names: readonly string[] | undefined): readonly Label[] {
  if (names) return names.map((label) => ({ wnid: null, label }));
  if (classes === IMAGENET_LABELS.length) return IMAGENET_LABELS;
  return Array.from({ length: classes }, (_, index) => ({ wnid: null, label: `class ${index}` }));
}
