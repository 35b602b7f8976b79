// A model that needs no GPU, and surroundings that remember what was written.
import type { DemoModel } from '../../demo/model.js';
import type { Surroundings } from '../../demo/surroundings.js';

export interface FakeModelOptions {
  /** Seconds that a batch takes on the desk's clock. */
  readonly secondsPerBatch?: (batch: number) => number;
  readonly timestamps?: boolean;
  readonly description?: string;
}

/** Features that are coarse pictures: the mean colour of each of 4 x 4 fields. */
export function fakeModel(desk: Desk, options: FakeModelOptions = {}) {
  const { secondsPerBatch = () => 0.01, timestamps = true, description = 'llvmpipe (test)' } = options;
  let batches = 0;
  const seen = { sizes: [] as number[], disposed: 0 };
  const model: DemoModel = {
    async features(pictures, _layer, { signal }) {
      signal.throwIfAborted();
      desk.pass(secondsPerBatch(batches++));
      return pictures.map(({ width, data }) => {
        seen.sizes.push(width);
        const fields = new Float32Array(48);
        const field = (position: number) => Math.floor((4 * position) / width);
        for (let y = 0; y < width; y++) {
          for (let x = 0; x < width; x++) {
            for (let c = 0; c < 3; c++) {
              const at = (field(y) * 4 + field(x)) * 3 + c;
              fields[at] = fields[at]! + data[(y * width + x) * 3 + c]! / (width * width);
            }
          }
        }
        return { data: fields };
      });
    },
    async profile({ batch, height, width }) {
      if (!timestamps) return undefined;
      return [
        { layer: 'conv1_1', shape: [batch, height, width, 64], ms: 12.5, gflops: 5.25 },
        { layer: 'block1_pool', shape: [batch, height / 2, width / 2, 64], ms: 2.5, gflops: 0 },
      ];
    },
    gpu: { info: { description, isSoftware: true } },
    dispose() {
      seen.disposed++;
    },
  };
  return { model, seen };
}

export interface Desk {
  readonly around: Surroundings;
  readonly out: () => string;
  readonly err: () => string;
  readonly pass: (seconds: number) => void;
  readonly interrupt: AbortController;
}

/** Streams without a terminal and a clock that only the model moves. */
export function makeDesk(): Desk {
  let time = 1;
  const out: string[] = [];
  const err: string[] = [];
  const interrupt = new AbortController();
  return {
    around: {
      stdout: { write: (text: string) => out.push(text) },
      stderr: { write: (text: string) => err.push(text) },
      now: () => time,
      signal: interrupt.signal,
    },
    out: () => out.join(''),
    err: () => err.join(''),
    pass: (seconds) => {
      time += seconds;
    },
    interrupt,
  };
}
