/// <reference lib="esnext.disposable" preserve="true" />

// What `import ... from 'vgg16-webgpu'` gives in a browser.

export type { Activation, LayerName } from './architecture.js';
export type { DownloadOptions, WeightsInput } from './browser/files.js';
export { Gpu, type GpuOptions } from './browser/gpu.js';
export { type PictureInput, type RgbaPixels, VGG16, type Vgg16Options } from './browser/vgg16.js';
export {
  DeviceLostError,
  GpuError,
  NoAdapterError,
  PictureError,
  UsageError,
  VggError,
  WeightsError,
} from './errors.js';
export type { GpuInfo } from './gpu/device.js';
export type { TensorDtype } from './gpu/tensor.js';
export { type Framing, frame, framingForSize, IMAGENET_FRAMING } from './image/framing.js';
export type { Picture } from './image/picture.js';
export type { Features } from './model/features.js';
export type { Gradients } from './model/gradients.js';
export { IMAGENET_LABELS, type Label } from './model/labels.js';
export type { LoadOptions } from './model/network.js';
export type {
  ClassifyOptions,
  EachOptions,
  FeaturesOptions,
  ForwardOptions,
  GradientBy,
  GradientOf,
  GradientsOptions,
  ProfileOptions,
  RunOptions,
} from './model/options.js';
export type { Prediction } from './model/predictions.js';
export type { LayerTiming } from './model/profile.js';
export type { Rungs } from './network/build.js';
export { type Layer, layersOf, PAPER_WIDTHS, type PlannedLayer, type Widths } from './network/layers.js';
export { type Dataset, type DatasetParts, datasetOf, type Sample } from './train/dataset.js';
export type { TrainEvent } from './train/events.js';
export {
  type TrainedNetwork,
  type TrainNetworkOptions,
  trainNetwork,
} from './train/train_network.js';
export type { NamedPreprocess, Preprocess } from './weights/archive.js';
