/// <reference lib="esnext.disposable" preserve="true" />

// What `import ... from 'vgg16-webgpu'` gives.

export {
  DeviceLostError,
  EXIT_CODES,
  GpuError,
  NoAdapterError,
  OutputError,
  PictureError,
  TrainingError,
  UsageError,
  VggError,
  WeightsError,
} from './errors.js';
export type { AdapterOptions } from './gpu/adapter.js';
export { Gpu, type GpuInfo } from './gpu/gpu.js';
export type { TensorDtype } from './gpu/tensor.js';
export { decode, PICTURE_EXTENSIONS } from './image/decode.js';
export { type Framing, frame, framingForSize, IMAGENET_FRAMING } from './image/framing.js';
export type { Picture, PictureInput } from './image/picture.js';
export {
  type Layer,
  type LayerName,
  layersOf,
  PAPER_WIDTHS,
  type PlannedLayer,
  type Widths,
} from './model/architecture.js';
export type { Features } from './model/features.js';
export { IMAGENET_LABELS, type Label } from './model/labels.js';
export type { LoadOptions } from './model/network.js';
export type {
  ClassifyOptions,
  EachOptions,
  FeaturesOptions,
  RunOptions,
  Vgg16Options,
} from './model/options.js';
export type { Rungs } from './model/plan.js';
export type { Prediction } from './model/predictions.js';
export type { LayerTiming } from './model/profile.js';
export { VGG16 } from './model/vgg16.js';
export {
  type Conversion,
  type ConvertedTensor,
  type ConvertOptions,
  convertWeights,
} from './weights/convert.js';
export { embeddedBasePath } from './weights/embedded.js';
export { type FetchedWeights, type FetchOptions, fetchWeights } from './weights/fetch/fetch.js';
export { type OpenedWeights, type OpenOptions, type Origin, openWeights } from './weights/open.js';
