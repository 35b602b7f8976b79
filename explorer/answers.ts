// What the network says of an image: classes with the places that speak for them; without a head, the images most like it.

import type { LayerName } from '../src/architecture.js';
import type { Picture } from '../src/image/picture.js';
import { element } from './dom.js';
import { type LayerMap, similarity } from './layer_map.js';
import type { Explored } from './network.js';
import { paintPicture } from './pictures.js';

const MOST_CLASSES = 8;
const NEIGHBOURS = 4;

/** A share of the image per pixel of a map, (H,W) from 0 to 1. */
export interface Heat {
  readonly rows: number;
  readonly columns: number;
  readonly shares: Float32Array;
}

/** @param onClass  told which class was chosen, undefined for none */
export async function showClasses(
  body: HTMLElement,
  model: Explored['model'],
  picture: Picture,
  onClass: (index: number | undefined) => void,
): Promise<void> {
  const framing = { resize: 'none', crop: 'none' } as const;
  const predictions = await model.classify(picture, { topK: MOST_CLASSES, framing });
  const list = element('ol', { class: 'answers' });
  let chosen: number | undefined;
  for (const { index, label, score } of predictions) {
    const button = element(
      'button',
      { type: 'button', 'aria-pressed': 'false', style: `--share: ${(100 * score).toFixed(1)}%` },
      element('span', {}, label),
      element('span', { class: 'score' }, `${(100 * score).toFixed(1)} %`),
    );
    button.addEventListener('click', () => {
      chosen = chosen === index ? undefined : index;
      for (const other of list.querySelectorAll('button'))
        other.setAttribute('aria-pressed', String(other === button && chosen !== undefined));
      onClass(chosen);
    });
    list.append(element('li', {}, button));
  }
  const independent = model.activation === 'sigmoid' ? ' Each class is present or not, independently.' : '';
  body.replaceChildren(
    element('h2', {}, 'Classes'),
    list,
    element(
      'p',
      { class: 'hint' },
      `Choose a class to see where the image speaks for it (Grad-CAM).${independent}`,
    ),
  );
}

/**
 * Grad-CAM: the maps that the head reads, each weighted by the mean gradient of the class's score by it.
 *
 * Source: Selvaraju et al., "Grad-CAM", ICCV 2017 (arXiv:1610.02391), equations 1 and 2
 */
export async function heatOf(
  { model, layers }: Explored,
  picture: Picture,
  map: LayerMap,
  index: number,
): Promise<Heat> {
  const [rows, columns, channels] = map.shape as [number, number, number];
  const last = layers.filter((layer) => layer.startsWith('fc')).at(-1)!;
  // A single output tells two classes apart, by its sign.
  const outputs = [...model.widths.dense.values()].at(-1)!;
  const of = { layer: last, channel: Math.min(index, outputs - 1) };
  const { features } = model.widths;
  const gradient = (await model.gradients([picture], { of, by: features })).get(features)!.data;
  const weights = new Float64Array(channels);
  for (let i = 0; i < gradient.length; i++) weights[i % channels]! += gradient[i]!;
  const shares = new Float32Array(rows * columns);
  for (let p = 0; p < shares.length; p++) {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c]! * map.data[p * channels + c]!;
    shares[p] = Math.max(0, sum);
  }
  const largest = Math.max(...shares);
  return { rows, columns, shares: largest > 0 ? shares.map((value) => value / largest) : shares };
}

/** An image that was looked at. */
export interface Seen {
  readonly name: string;
  readonly picture: Picture;
  /** Averages of the last feature map. */
  readonly features: Float32Array;
}

export function showNeighbours(
  body: HTMLElement,
  features: Float32Array,
  others: readonly Seen[],
  layer: LayerName,
): void {
  const near = others
    .map((one) => ({ ...one, closeness: similarity(features, one.features) }))
    .sort((a, b) => b.closeness - a.closeness)
    .slice(0, NEIGHBOURS);
  const list = element('div', { class: 'neighbours' });
  for (const { name, picture, closeness } of near) {
    const canvas = element('canvas', { role: 'img', 'aria-label': name });
    paintPicture(canvas, picture);
    list.append(
      element('figure', {}, canvas, element('figcaption', {}, name, element('br'), closeness.toFixed(2))),
    );
  }
  body.replaceChildren(
    element('h2', {}, 'Most alike'),
    list,
    element(
      'p',
      { class: 'hint' },
      `These weights have no classes. The nearest images by the averages of ${layer} are shown instead (cosine, 1 is the same).`,
    ),
  );
}
