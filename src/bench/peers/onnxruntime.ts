// ONNX Runtime running VGG16, on the processor with all its cores or on WebGPU by a Dawn of its own.

import { GpuError, UsageError } from '../../errors.js';
import { findAdapter } from '../../node/dawn/adapter.js';
import type { Engine, PassInput, ReadyPass, Scope } from '../engine.js';
import { PLACES, requireFrom } from './installed.js';
import { INPUT, type InputShape, inputShape, OUTPUT, onnxModel } from './onnx_model.js';
import type { PeerNetwork } from './tfjs_weights.js';

export type OnnxruntimeName = `onnxruntime-${OrtProvider}`;

const OPTIONS: Readonly<Record<OnnxruntimeName, OrtSessionOptions>> = {
  'onnxruntime-cpu': { executionProviders: ['cpu'], logSeverityLevel: 3 },
  'onnxruntime-webgpu': {
    executionProviders: ['webgpu'],
    logSeverityLevel: 3,
    // Else what its WebGPU cannot run goes to the processor without a word.
    extra: { session: { disable_cpu_ep_fallback: '1' } },
  },
};

/**
 * A pass holds the weights it needs until it is disposed of; the engine holds only `network`. Which adapter WebGPU runs on is
 * ONNX Runtime's choice: the fastest, as it sees it.
 *
 * @throws UsageError where onnxruntime-node is not installed or was built without this provider
 */
export function createOnnxruntime(name: OnnxruntimeName, network: PeerNetwork): Engine {
  const ort = loadOnnxruntime();
  const provider = OPTIONS[name].executionProviders[0]!;
  if (!ort.listSupportedBackends().some((backend) => backend.name === provider)) {
    throw new UsageError(
      `onnxruntime-node for ${process.platform} ${process.arch} comes without its provider ${provider}`,
    );
  }
  return {
    name,
    prepare: (scope, input) => prepare(ort, name, network, scope, input),
    deviceBytes: () => undefined,
    dispose: async () => {},
  };
}

async function prepare(
  ort: Ort,
  name: OnnxruntimeName,
  network: PeerNetwork,
  scope: Scope,
  { batch, side, x }: PassInput,
): Promise<ReadyPass> {
  const shape = inputShape(network, scope, side);
  const count = batch * shape.reduce((product, size) => product * size);
  if (x.length !== count) {
    throw new UsageError(
      `${x.length} values do not make an input of ${batch}x${side}x${side}x${shape[0]} (N,H,W,C)`,
    );
  }
  // Its Dawn finds the drivers that ours finds, once SwiftShader out of npm has been made ready where there is no other.
  if (name === 'onnxruntime-webgpu') await findAdapter();
  const feeds = { [INPUT]: new ort.Tensor('float32', channelsFirst(x, shape), [batch, ...shape]) };
  const session = await guard(name, scope, () =>
    ort.InferenceSession.create(onnxModel(network, scope, side), OPTIONS[name]),
  );
  const run = () => guard(name, scope, async () => (await session.run(feeds))[OUTPUT]!.data);
  return { run, dispose: () => release(session) };
}

/** It frees a session before it returns the promise that says so. */
function release(session: OrtSession): void {
  session.release().catch(() => {});
}

async function guard<T>(name: OnnxruntimeName, scope: Scope, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // Failed assertions begin with their place in its source.
    const [line] = String((error as Error).message).split('\n');
    const reason = line!.replace(/^\/onnxruntime_src\/.* was false\. /, '');
    throw new GpuError(`${name}, ${scope}: ${reason}`, { cause: error });
  }
}

/** (N,H,W,C) to (N,C,H,W). */
function channelsFirst(x: Float32Array, [C, H, W]: InputShape): Float32Array {
  const moved = new Float32Array(x.length);
  const S = H * W;
  for (let start = 0; start < x.length; start += C * S) {
    for (let c = 0; c < C; c++) {
      for (let s = 0; s < S; s++) moved[start + c * S + s] = x[start + s * C + c]!;
    }
  }
  return moved;
}

// The part of ONNX Runtime that its peers use, typed here and loaded when first asked for: it is no dependency, because it takes
// 300 MB, and is compared where the user has installed it.

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
