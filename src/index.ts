/// <reference lib="esnext.disposable" preserve="true" />

// What `import ... from 'vgg16-webgpu'` gives.

export type { Activation, DenseName, FeatureLayer, LayerName, OperationKind, Pool } from './architecture.js';
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
export type { AdapterSource, DeviceOptions, GpuInfo, Limits } from './gpu/device.js';
export type { SubgroupMatrixConfig } from './gpu/subgroups.js';
export type { TensorDtype } from './gpu/tensor.js';
export { type Framing, frame, framingForSize, IMAGENET_FRAMING } from './image/framing.js';
export type { Picture, PictureInput } from './image/picture.js';
export type { Conv3x3Choice } from './kernels/conv3x3/candidates.js';
export type { Conv3x3Rung } from './kernels/conv3x3/rungs.js';
export type { LinearChoice } from './kernels/linear/candidates.js';
export type { LinearRung } from './kernels/linear/linear.js';
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
export type { ChoicesRecord, ConvEntry, DenseEntry } from './network/choices.js';
export { type Layer, layersOf, PAPER_WIDTHS, type PlannedLayer, type Widths } from './network/layers.js';
export { type CheckOptions, checkDataset } from './node/datasets/check.js';
export type { Problem, ProblemKind } from './node/datasets/examine.js';
export { type FindOptions, findDataset } from './node/datasets/find.js';
export { type FindSamplesOptions, findSamples } from './node/datasets/find_samples.js';
export type { AdapterOptions } from './node/dawn/adapter.js';
export { embeddedBasePath } from './node/embedded.js';
export { type FetchedWeights, type FetchOptions, fetchWeights } from './node/fetch/fetch.js';
export { Gpu } from './node/gpu.js';
export { decode, PICTURE_EXTENSIONS } from './node/image/decode.js';
export { createNumberedRun } from './node/runs/folder.js';
export { type EvaluateOptions, evaluateModel } from './node/training/evaluate.js';
export { findLearningRate } from './node/training/lr_find.js';
export { type TrainOptions, trainHead } from './node/training/new_run.js';
export {
  type PretrainOptions,
  type PretrainResult,
  pretrain,
  resumePretraining,
} from './node/training/pretrain.js';
export type { TrainResult } from './node/training/result.js';
export { type ResumeOptions, resumeRun } from './node/training/resumed_run.js';
export type { TrainedHead } from './node/training/saved_head.js';
export { type TunedNetwork, type TuneNetworkOptions, tuneNetwork } from './node/tune_network.js';
export { VGG16, type Vgg16Options } from './node/vgg16.js';
export { type ConvertOptions, convertWeights } from './node/weights/convert.js';
export { type OpenOptions, openWeights } from './node/weights/open.js';
export type { Dataset, Sample } from './train/dataset.js';
export { type DatasetParts, datasetOf } from './train/dataset.js';
export type { ResolvedOptions } from './train/defaults.js';
export type { EpochRow } from './train/epoch_row.js';
export type { OnEvent, TrainEvent } from './train/events.js';
export type { ClassScores, Confusion, Evaluation, Mistake } from './train/metrics.js';
export type { CurvePoint, FoundRate } from './train/sweep.js';
export {
  type TrainedNetwork,
  type TrainNetworkOptions,
  trainNetwork,
} from './train/train_network.js';
export type { TunedShape } from './tune/tune.js';
export type { NamedPreprocess, Preprocess } from './weights/archive.js';
export type { Conversion, ConvertedTensor } from './weights/conversion.js';
export type { OpenedWeights, Origin } from './weights/opened.js';
