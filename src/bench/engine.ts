// What computes VGG16, ours or a peer: made ready for an input once, then asked for passes.

/** Names of those that are compared. */
export type EngineName =
  | 'vgg16-webgpu'
  | 'vgg16-webgpu-f16'
  | `vgg16-webgpu/${string}`
  | 'tfjs-webgpu'
  | 'tfjs-wasm'
  | 'tfjs-cpu'
  | 'onnxruntime-cpu'
  | 'onnxruntime-webgpu'
  | `pytorch-${string}`;

/** Whether it is none of the peers; rungs of a ladder are ours too. */
export function isOurs(engine: string): boolean {
  return !/^(tfjs|onnxruntime|pytorch)-/.test(engine);
}

/** Which part of the network: pixels to block5_pool, block5_pool to softmax, or all of it. */
export type Scope = 'convs' | 'dense' | 'all';

export const SCOPES: readonly Scope[] = ['convs', 'dense', 'all'];

/** What a pass is given. Every engine is given the same. */
export interface PassInput {
  readonly batch: number;
  /** Height and width of the pictures in px; for `dense`, of the feature maps. */
  readonly side: number;
  /** RGB bytes of the pictures, one after another; empty for `dense`. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** The pictures as a network takes them that begins with its first convolution: (batch,side,side,3), normalised, or, for `dense`, feature maps (batch,side,side,512). */
  readonly x: Float32Array<ArrayBuffer>;
}

/** A pass that is ready to run: compiled, with its memory. */
export interface ReadyPass {
  /** From an input on the host, or on the device where an engine keeps it there, to results on the host: (batch,H,W,C) or (batch,classes). */
  run(): Promise<Float32Array>;
  dispose(): void;
}

export interface Engine {
  readonly name: EngineName;
  /** @throws GpuError, UsageError where it cannot compute this here, with the reason */
  prepare(scope: Scope, input: PassInput): Promise<ReadyPass>;
  /** Bytes that it holds on its device now, where it knows. */
  deviceBytes(): number | undefined;
  dispose(): Promise<void>;
}
