// The features of the data set's parts, with all that there is to tell on the way.

import { PictureError } from '../../errors.js';
import { Oddities } from '../../model/oddity.js';
import { pictures } from '../../text.js';
import { PARTS, type Part } from '../../train/dataset.js';
import type { FeatureTable } from '../../train/features/spec.js';
import { featureMapOf, type Session, type Tables, tablesLayerOf } from '../../train/session.js';
import { standardisationOf } from '../../train/standardise.js';
import { BrokenCount, classesWithout, lostPartText, lostText } from '../datasets/refusals.js';
import { holdsPixels, openPixels } from '../features/pixel_table.js';
import { type ExtractOptions, extractFeatures } from '../features/table.js';

/**
 * Gives `use` the tables of every part, and closes them. All are opened first: what is wrong with one is found out
 * before anything is trained.
 *
 * @throws PictureError where too many pictures cannot be read, or all of a class to train on; GpuError;
 *   DeviceLostError; the signal's reason; errors of `use`
 */
export async function withTables<Result>(
  session: Session,
  use: (tables: Tables) => Promise<Result>,
): Promise<Result> {
  const { dataset, options, signal } = session;
  const opened: FeatureTable[] = [];
  const broken = new BrokenCount(sum(PARTS.map((part) => dataset[part].length)));
  const open = async (part: Part) => {
    const table = await openTable(session, part, broken);
    opened.push(table);
    return table;
  };
  try {
    const train = await open('train');
    const val = await open('val');
    const test = dataset.test.length > 0 ? await open('test') : undefined;
    const { channels } = featureMapOf(session);
    // Where a base is trained, its head brings that which it has learnt behind.
    const how = options.unfreeze === 'none' ? options.standardise : 'none';
    const standardisation = await standardisationOf(train, how, channels, signal);
    return await use({ train, val, test, standardisation });
  } finally {
    for (const table of opened) await table.close();
  }
}

/** Opens the table of a part; only training pictures are varied. @param broken  counts those of all parts */
async function openTable(session: Session, part: Part, broken: BrokenCount): Promise<FeatureTable> {
  const { model, dataset, options, tablesFingerprint: fingerprint, cacheFolder, onEvent, signal } = session;
  const { unfreeze, size, augment, views, seed } = options;
  // What is trained reads the map as it is.
  const pool = unfreeze === 'none' ? options.pool : 'flatten';
  const isVaried = part === 'train';
  const sizes = PARTS.map((one) => dataset[one].length);
  const before = sum(sizes.slice(0, PARTS.indexOf(part)));
  const oddities = new Oddities();
  const spec = {
    ...{ layer: tablesLayerOf(session), pool, size, seed },
    ...(isVaried ? { augment, views } : { augment: [], views: 0 }),
  };
  const told: ExtractOptions = {
    ...{ fingerprint, cacheFolder, signal, broken },
    onProgress: (done, total, { cached }) => {
      const overall = { done: before + done, total: sum(sizes) };
      onEvent({ type: 'features', part, done, total, cached, overall });
    },
    onBroken: ({ name }, { message }) => onEvent({ type: 'skipped', part, name, reason: message }),
    onOdd: (_, note) => oddities.add(note),
    onNote: (text) => onEvent({ type: 'note', text }),
  };
  const table = holdsPixels(spec, sum(sizes))
    ? await openPixels(dataset[part], spec, { ...told, preprocess: model.preprocess })
    : await extractFeatures(model, dataset[part], spec, told);
  const total = dataset[part].length;
  const left = table.stats.broken;
  if (left > 0)
    onEvent({ type: 'note', text: `${part}: ${left} of ${pictures(total)} left out, unreadable` });
  if (oddities.note) onEvent({ type: 'note', text: oddities.note });
  const lost = part === 'train' ? classesWithout(dataset.classes, table.samples) : [];
  const isEmpty = table.samples.length === 0;
  if (!isEmpty && lost.length === 0) return table;
  await table.close();
  throw new PictureError(`${dataset.name}: ${isEmpty ? lostPartText(part, total) : lostText(lost)}`);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
