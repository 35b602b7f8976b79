// The few words that change from one training step to the next, in one tensor: all else of a step is recorded once.

/** Kernels declare the same five words as `struct Control`. */
export const CONTROL_WORDS = 5;

export interface ControlValues {
  readonly lr: number;
  /** The first step is 1, as AdamW counts. */
  readonly step: number;
  /** Of dropout's masks; its lower 32 bits count. */
  readonly seed: number;
  /** Of AdamW; not needed by other optimisers. */
  readonly beta1?: number;
  readonly beta2?: number;
}

/** What a step's kernels read. Powers of beta are taken here, in float64: in f32, 1 - 0.999 keeps 15 of 24 bits. */
export function controlWords({
  lr,
  step,
  seed,
  beta1 = 0,
  beta2 = 0,
}: ControlValues): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(CONTROL_WORDS);
  const floats = new Float32Array(words.buffer);
  floats[0] = lr;
  words[1] = step;
  words[2] = seed;
  floats[3] = lr / (1 - beta1 ** step);
  floats[4] = 1 / Math.sqrt(1 - beta2 ** step);
  return words;
}
