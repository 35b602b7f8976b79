// The shapes of a VGG16 that there is something to choose for, each once.

import type { LayerName } from '../architecture.js';
import { convShapeOf, denseShapeOf } from '../network/build.js';
import type { ConvShape, DenseShape } from '../network/choices.js';
import type { PlannedLayer } from '../network/layers.js';

export type TunableShape =
  | { readonly operation: 'conv3x3'; readonly shape: ConvShape; readonly layers: readonly LayerName[] }
  | { readonly operation: 'linear'; readonly shape: DenseShape; readonly layers: readonly LayerName[] };

/** In the order of their first layers. */
export function shapesOf(layers: readonly PlannedLayer[], batch: number): TunableShape[] {
  const found = new Map<string, TunableShape>();
  for (const layer of layers) {
    const { name, operation } = layer;
    let tunable: TunableShape;
    if (operation === 'conv3x3') tunable = { operation, shape: convShapeOf(layer, batch), layers: [name] };
    else if (operation === 'linear') {
      tunable = { operation, shape: denseShapeOf(layer, batch), layers: [name] };
    } else continue;
    const key = JSON.stringify(tunable.shape);
    const same = found.get(key);
    found.set(key, same ? { ...same, layers: [...same.layers, name] } : tunable);
  }
  return [...found.values()];
}
