// The part of ONNX Runtime that its peers use, typed here and loaded when first asked for: it is no dependency, because it takes
// 300 MB, and is compared where the user has installed it.

import { UsageError } from '../../errors.js';
import { PLACES, requireFrom } from './installed.js';

export interface OrtTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface OrtSession {
  run(feeds: Readonly<Record<string, OrtTensor>>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

export interface OrtSessionOptions {
  readonly executionProviders: readonly OrtProvider[];
  /** 3 says errors only. */
  readonly logSeverityLevel: 3;
  /** Settings by their names, each a text. */
  readonly extra?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export type OrtProvider = 'cpu' | 'webgpu';

export interface Ort {
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options: OrtSessionOptions): Promise<OrtSession>;
  };
  listSupportedBackends(): { readonly name: string }[];
}

const PACKAGE = 'onnxruntime-node';

/**
 * @param places  files from whose folders it is looked for: the user's, then this one
 * @throws UsageError where it is not installed or does not load
 */
export function loadOnnxruntime(places: readonly string[] = PLACES): Ort {
  const require = requireFrom(PACKAGE, places);
  if (!require) throw new UsageError(`${PACKAGE} is not installed: npm install ${PACKAGE}`);
  try {
    return require(PACKAGE);
  } catch (error) {
    const [reason] = String((error as Error).message).split('\n');
    throw new UsageError(`${PACKAGE} does not load here: ${reason}`, { cause: error });
  }
}
