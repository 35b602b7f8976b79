// What a VGG16 consists of and costs, layer by layer, for one picture. Needs no GPU.

import type { LayerName } from '../architecture.js';
import { type PlannedLayer, planLayers, type Widths } from '../network/layers.js';

export interface LayerCost extends Pick<PlannedLayer, 'operation' | 'parameters' | 'flops'> {
  readonly layer: LayerName;
  /** (H,W,C), or (D) from the head on */
  readonly shape: readonly number[];
  /** Of the weights and biases as 32-bit floats, as they lie on the GPU, without padding. */
  readonly weightBytes: number;
  /** Of the layer's output as 32-bit floats, without padding. */
  readonly activationBytes: number;
}

export interface Costs {
  readonly layers: readonly LayerCost[];
  readonly total: Pick<LayerCost, 'parameters' | 'flops' | 'weightBytes' | 'activationBytes'>;
}

/** @throws UsageError as `planLayers` */
export function costsOf(widths: Widths, height: number, width: number, until: LayerName): Costs {
  const layers = planLayers(widths, height, width, until).map(
    ({ name, operation, shape, parameters, flops }): LayerCost => ({
      layer: name,
      operation,
      shape,
      parameters,
      flops,
      weightBytes: 4 * parameters,
      activationBytes: shape.reduce((product, side) => product * side, 4),
    }),
  );
  const sum = (of: (layer: LayerCost) => number) => layers.reduce((total, layer) => total + of(layer), 0);
  return {
    layers,
    total: {
      parameters: sum(({ parameters }) => parameters),
      flops: sum(({ flops }) => flops),
      weightBytes: sum(({ weightBytes }) => weightBytes),
      activationBytes: sum(({ activationBytes }) => activationBytes),
    },
  };
}
