// Every error that a user can cause or meet, each with the exit code that the command ends with.

/** What the command's exit code says. Printed by `vgg16 codes`. */
export const EXIT_CODES = {
  ok: 0,
  bug: 1,
  usage: 2,
  picture: 3,
  weights: 4,
  noAdapter: 5,
  gpu: 6,
  deviceLost: 7,
  output: 8,
  differ: 9,
  training: 10,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** An error with one clear line: what went wrong, where, and what to do. */
export abstract class VggError extends Error {
  abstract readonly exitCode: ExitCode;
  override get name(): string {
    return this.constructor.name;
  }
}

/** Arguments that make no sense: an unknown layer, a size out of range. */
export class UsageError extends VggError {
  readonly exitCode = EXIT_CODES.usage;
}

/** A picture that is missing, unreadable, or of an impossible size. */
export class PictureError extends VggError {
  readonly exitCode = EXIT_CODES.picture;
}

/** A weights file that is missing, damaged, or not a VGG16. */
export class WeightsError extends VggError {
  readonly exitCode = EXIT_CODES.weights;
}

/** No adapter that Dawn accepts, not even a software one. */
export class NoAdapterError extends VggError {
  readonly exitCode = EXIT_CODES.noAdapter;
}

/** WebGPU refused or failed: validation, out of memory, a limit. */
export class GpuError extends VggError {
  readonly exitCode = EXIT_CODES.gpu;
}

/** The device went away while it was needed. */
export class DeviceLostError extends VggError {
  readonly exitCode = EXIT_CODES.deviceLost;
}

/** A result that could not be written: no space, no permission. */
export class OutputError extends VggError {
  readonly exitCode = EXIT_CODES.output;
}

/** Training went wrong by itself: a loss that is no number any more. What was good before is kept. */
export class TrainingError extends VggError {
  readonly exitCode = EXIT_CODES.training;
}
