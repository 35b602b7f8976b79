// Training on pictures in memory, wherever there is a device: a head, and with `unfreeze` the base below it. Nothing is read or written.

import { UsageError } from '../errors.js';
import { frame, framingForSize } from '../image/framing.js';
import { isPicture, type Picture } from '../image/picture.js';
import type { VGG16 } from '../model/vgg16.js';
import { callback, checkOptions, type OptionRules, signal } from '../options.js';
import type { HeadTensor } from '../weights/head_file.js';
import { resolveOptions } from './checks.js';
import { type Dataset, datasetOf, PARTS, type Sample } from './dataset.js';
import type { EpochRow } from './epoch_row.js';
import { evaluateTable, memoryKeeper, runEpochs } from './epochs.js';
import type { OnEvent } from './events.js';
import { drawView } from './features/draw.js';
import { FeaturePipeline, type Job } from './features/pipeline.js';
import type { FeatureRow, FeatureSpec, FeatureStats, FeatureTable } from './features/spec.js';
import { sourceOf } from './features/warper.js';
import { headTensors } from './head/head_tensors.js';
import type { Evaluation } from './metrics.js';
import { CHOSEN_OPTIONS, type ChosenOptions } from './options.js';
import { type Shell, trainPhases } from './phases.js';
import { randomStream } from './random.js';
import { createTrainer, featureMapOf, type Session, type Tables, tablesLayerOf } from './session.js';
import { standardisationOf } from './standardise.js';
import { judgementOf, RULES, Standing } from './standing.js';
import { searchRate } from './sweep.js';

export interface TrainNetworkOptions extends ChosenOptions {
  readonly onEvent?: OnEvent | undefined;
  readonly signal?: AbortSignal | undefined;
}

const OPTIONS: OptionRules<TrainNetworkOptions> = { ...CHOSEN_OPTIONS, onEvent: callback(), signal };

export interface TrainedNetwork {
  readonly history: readonly EpochRow[];
  /** The epoch whose numbers are kept. */
  readonly best: EpochRow;
  /** How good the head was before its base was trained with it. */
  readonly headAlone: EpochRow | undefined;
  /** Of the best epoch, on the validation pictures. */
  readonly evaluation: Evaluation;
  /** What was trained, in torchvision's names and shapes: convolutions `features.N`, then the head's `classifier.N`. */
  readonly tensors: readonly HeadTensor[];
}

/**
 * Trains on pictures that are held in memory, as `trainHead` does with files. Features are computed once; varied views are drawn once, too.
 *
 * @param dataset  whose pictures are pixels
 * @throws UsageError for options or a data set that make no sense; TrainingError for a loss that is not finite; GpuError;
 *   DeviceLostError; the signal's reason
 */
export async function trainNetwork<Input>(
  model: VGG16<Input>,
  dataset: Dataset,
  options: TrainNetworkOptions = {},
): Promise<TrainedNetwork> {
  checkOptions('trainNetwork()', options, OPTIONS);
  const { onEvent = () => {}, signal: stop, ...chosen } = options;
  datasetOf(dataset.classes, dataset, { name: dataset.name });
  const asked: Session = {
    ...{ model: model as unknown as VGG16, dataset, onEvent, signal: stop, rules: RULES },
    options: resolveOptions({ ...chosen, cache: true }, dataset.train.length),
    ...{ fingerprint: '', tablesFingerprint: '', cacheFolder: undefined },
  };
  featureMapOf(asked);
  const shell: Shell = { withTables, rated, initialise: async () => {}, onHead: async () => {} };
  const { unfreeze, headEpochs } = asked.options;
  const beginning = unfreeze !== 'none' && headEpochs > 0 ? await trainPhases(asked, shell) : undefined;
  return withTables(beginning?.session ?? asked, async (found) => {
    const tables = beginning ? { ...found, standardisation: beginning.standardisation } : found;
    const session = await rated(beginning?.session ?? asked, tables);
    const trainer = await createTrainer(session, tables);
    try {
      for (const [name, values] of beginning?.parameters ?? []) await trainer.write(name, values);
      const standing = new Standing(judgementOf(session.rules, session.options, dataset.val.length));
      const history: EpochRow[] = [];
      const keeper = memoryKeeper(trainer);
      const early = await runEpochs({ session, tables, trainer, history, standing }, keeper);
      await keeper.restoreBest();
      const best = standing.best!;
      const evaluation = await evaluateTable(session, trainer, tables.val);
      const map = session.options.pool === 'flatten' ? featureMapOf(session) : undefined;
      const tensors: HeadTensor[] = [];
      for await (const tensor of headTensors(trainer, { map })) tensors.push(tensor);
      onEvent({ type: 'finished', early, best, folder: undefined });
      return { history, best, headAlone: beginning?.alone, evaluation, tensors };
    } finally {
      trainer.dispose();
    }
  });
}

async function rated(session: Session, tables: Tables): Promise<Session> {
  if (session.options.lr !== 'auto') return session;
  const trainer = await createTrainer(session, tables);
  try {
    const { suggestion: lr } = await searchRate(session, trainer, tables.train);
    if (lr === undefined)
      throw new UsageError('lr is auto, and the loss falls at no learning rate: give one');
    return { ...session, options: { ...session.options, lr } };
  } finally {
    trainer.dispose();
  }
}

async function withTables<Result>(
  session: Session,
  use: (tables: Tables) => Promise<Result>,
): Promise<Result> {
  const { model, dataset, options, signal: stop, onEvent } = session;
  const { unfreeze, size, augment, views, seed } = options;
  const spec: FeatureSpec = {
    ...{ layer: tablesLayerOf(session), size, seed },
    pool: unfreeze === 'none' ? options.pool : 'flatten',
    ...{ augment, views },
  };
  const sizes = PARTS.map((part) => dataset[part].length);
  const total = sizes.reduce((sum, count) => sum + count, 0);
  let before = 0;
  const tables: FeatureTable[] = [];
  for (const part of PARTS) {
    const plain = { ...spec, augment: [], views: 0 };
    const done = before;
    const count = dataset[part].length;
    const onProgress = (now: number) =>
      onEvent({
        ...{ type: 'features', part, done: now, total: count, cached: 0 },
        overall: { done: done + now, total },
      });
    tables.push(await inMemory(model, dataset[part], part === 'train' ? spec : plain, { onProgress, stop }));
    before += count;
  }
  const [train, val, test] = tables as [FeatureTable, FeatureTable, FeatureTable];
  const { channels } = featureMapOf(session);
  const how = unfreeze === 'none' ? options.standardise : 'none';
  const standardisation = await standardisationOf(train, how, channels, stop);
  return use({ train, val, test: test.samples.length > 0 ? test : undefined, standardisation });
}

/** All rows of a part's pictures. */
async function inMemory(
  model: VGG16,
  samples: readonly Sample[],
  spec: FeatureSpec,
  { onProgress, stop }: { onProgress: (done: number) => void; stop: AbortSignal | undefined },
): Promise<FeatureTable> {
  const { size, views, augment, seed } = spec;
  const rows = samples.map(() => new Array<Float32Array>(1 + views));
  const stats: FeatureStats = { computed: 0, cached: 0, broken: 0, seconds: 0, gpuIdleShare: 0 };
  const pictures = samples.map(({ picture, name }): Picture => {
    if (typeof picture === 'object' && isPicture(picture)) return picture;
    throw new UsageError(`${name}: trainNetwork() takes pixels, { width, height, data }`);
  });
  if (samples.length > 0) {
    const pipeline = await FeaturePipeline.create(model, spec, { count: samples.length * (1 + views) });
    let done = 0;
    const jobs = async function* () {
      for (const [index, picture] of pictures.entries()) {
        const { name } = samples[index]!;
        const job = (view: number, shown: Job['picture']): Job => ({
          picture: shown,
          take: async (row) => {
            rows[index]![view] = row.slice();
            if (view === views) onProgress(++done);
          },
        });
        const some = [job(0, frame(picture, framingForSize(size), name))];
        const source = views > 0 ? sourceOf(picture, size, name) : undefined;
        for (let view = 1; view <= views; view++) {
          const stream = randomStream(seed, 'augment', index, view);
          some.push(job(view, { source: source!, maps: drawView(stream, augment, source!, size) }));
        }
        yield some;
      }
    };
    try {
      await pipeline.run(jobs(), stop);
    } finally {
      pipeline.dispose();
    }
  }
  return {
    width: rows[0]?.[0]?.length ?? 0,
    ...{ samples, views, stats, digest: '' },
    async read(wanted: readonly FeatureRow[], target) {
      for (const [i, { sample, view }] of wanted.entries()) {
        const row = rows[sample]![view]!;
        target.set(row, i * row.length);
      }
    },
    refreshViews: async () => {},
    close: async () => {},
  };
}
