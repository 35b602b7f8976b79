// VGG16 in float64, straight from its formulas and sharing nothing with what it checks: slow, for narrow networks.

import type { Pool } from '../../src/architecture.js';
import type { NHW, PeerNetwork } from '../../src/bench/peers/tfjs.js';

const CONVS_OF_BLOCK = [2, 2, 3, 3, 3];
/** The layers up to block5_pool. */
export const LAYERS = CONVS_OF_BLOCK.flatMap((count, block) => [
  ...Array.from({ length: count }, (_, i) => `block${block + 1}_conv${i + 1}`),
  `block${block + 1}_pool`,
]);
/** And those above. */
export const TOP = ['fc1', 'fc2', 'fc3', 'softmax'];

/**
 * Every layer's output for x (N,H,W,3): NHWC, or (N,outputs); with a `pool`, fc1 reads what that makes of the feature
 * map. The base ends with `features`.
 */
export function reference(
  network: PeerNetwork,
  x: Float32Array,
  [N, H, W]: NHW,
  pool: Pool = 'flatten',
  features = 'block5_pool',
): Map<string, Float64Array> {
  const outputs = new Map<string, Float64Array>();
  let y: Float64Array = Float64Array.from(x);
  let [h, w, c] = [H, W, 3];
  for (const layer of LAYERS.slice(0, LAYERS.indexOf(features) + 1)) {
    const conv = network.convs.find((candidate) => candidate.layer === layer);
    if (conv) {
      y = convolve(y, N, h, w, conv);
      c = conv.O;
    } else {
      y = maxPool(y, N, h, w, c);
      [h, w] = [Math.floor(h / 2), Math.floor(w / 2)];
    }
    outputs.set(layer, y);
  }
  if (pool !== 'flatten') {
    const windows = /^avg\d/.test(pool) ? Number(pool.slice('avg'.length)) : undefined;
    const [rows, columns] = [windows ?? h, windows ?? w];
    y = pooled(y, [N, h, w, c], [rows, columns], pool === 'max');
    [h, w] = [Math.floor(h / rows), Math.floor(w / columns)];
    outputs.set(pool === 'max' ? 'maxpool' : 'avgpool', y);
  }
  const last = network.dense.at(-1)?.layer;
  for (const { layer, kernel, bias, outputs: O, inputs } of network.dense) {
    const from = y;
    y = new Float64Array(N * O);
    for (let n = 0; n < N; n++) {
      for (let o = 0; o < O; o++) {
        let sum = bias[o]!;
        for (let i = 0; i < inputs; i++) {
          // Position i of fc1's kernel is channel-first: channel, row and column of the feature map.
          const [channel, position] = [Math.floor(i / (h * w)), i % (h * w)];
          const at = layer === 'fc1' ? position * c + channel : i;
          sum += from[n * inputs + at]! * kernel[o * inputs + i]!;
        }
        y[n * O + o] = layer === last ? sum : Math.max(0, sum);
      }
    }
    outputs.set(layer, y);
  }
  const classes = y.length / N;
  const softmax = Float64Array.from(y, Math.exp);
  for (let n = 0; n < N; n++) {
    const row = softmax.subarray(n * classes, (n + 1) * classes);
    const sum = row.reduce((a, b) => a + b);
    row.forEach((value, i) => {
      row[i] = value / sum;
    });
  }
  return outputs.set('softmax', softmax);
}

function convolve(
  x: Float64Array,
  N: number,
  H: number,
  W: number,
  { kernel, bias, O, C }: PeerNetwork['convs'][number],
): Float64Array {
  const y = new Float64Array(N * H * W * O);
  for (let at = 0; at < y.length; at++) {
    const o = at % O;
    const column = Math.floor(at / O) % W;
    const row = Math.floor(at / O / W) % H;
    const n = Math.floor(at / O / W / H);
    let sum = bias[o]!;
    for (let i = 0; i < 3; i++) {
      for (let j = 0; j < 3; j++) {
        const [r, s] = [row + i - 1, column + j - 1];
        if (r < 0 || r >= H || s < 0 || s >= W) continue;
        for (let c = 0; c < C; c++) {
          sum += x[((n * H + r) * W + s) * C + c]! * kernel[((o * C + c) * 3 + i) * 3 + j]!;
        }
      }
    }
    y[at] = Math.max(0, sum);
  }
  return y;
}

function maxPool(x: Float64Array, N: number, H: number, W: number, C: number): Float64Array {
  const [h, w] = [Math.floor(H / 2), Math.floor(W / 2)];
  const y = new Float64Array(N * h * w * C).fill(Number.NEGATIVE_INFINITY);
  for (let n = 0; n < N; n++) {
    for (let row = 0; row < h * 2; row++) {
      for (let column = 0; column < w * 2; column++) {
        for (let c = 0; c < C; c++) {
          const to = ((n * h + (row >> 1)) * w + (column >> 1)) * C + c;
          y[to] = Math.max(y[to]!, x[((n * H + row) * W + column) * C + c]!);
        }
      }
    }
  }
  return y;
}

/** The mean or the largest of each channel in windows of rows x columns. */
function pooled(
  x: Float64Array,
  [N, H, W, C]: readonly [number, number, number, number],
  [rows, columns]: readonly [number, number],
  isMax: boolean,
): Float64Array {
  const y: number[] = [];
  for (let n = 0; n < N; n++) {
    for (let top = 0; top + rows <= H; top += rows) {
      for (let left = 0; left + columns <= W; left += columns) {
        for (let c = 0; c < C; c++) {
          const window = Array.from({ length: rows * columns }, (_, p) => {
            const pixel = (n * H + top + Math.floor(p / columns)) * W + left + (p % columns);
            return x[pixel * C + c]!;
          });
          const sum = window.reduce((a, b) => a + b);
          y.push(isMax ? Math.max(...window) : sum / window.length);
        }
      }
    }
  }
  return Float64Array.from(y);
}
