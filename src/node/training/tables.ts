// The features of a part of the data set, with all that there is to tell on the way.

import { PictureError } from '../../errors.js';
import { Oddities } from '../../model/oddity.js';
import type { FeatureTable } from '../../train/features/spec.js';
import { PARTS, type Part } from '../../train/samples.js';
import { pictures } from '../../train/words.js';
import type { BrokenCount } from '../datasets/broken.js';
import { classesWithout, lostPartText, lostText } from '../datasets/refusals.js';
import { extractFeatures } from '../features/extract.js';
import { featureMapOf, type Session } from './session.js';

/**
 * Opens the table of a part; only training pictures are varied. Whoever opened it closes it.
 *
 * @param broken  counts the pictures of all parts that cannot be read
 * @throws PictureError where too many pictures cannot be read, or all of a class to train on; GpuError;
 *   DeviceLostError; the signal's reason
 */
export async function openTable(session: Session, part: Part, broken: BrokenCount): Promise<FeatureTable> {
  const { model, dataset, options, fingerprint, cacheFolder, onEvent, signal } = session;
  const { pool, size, augment, views, seed } = options;
  const isVaried = part === 'train';
  const sizes = PARTS.map((one) => dataset[one].length);
  const all = sum(sizes);
  const before = sum(sizes.slice(0, PARTS.indexOf(part)));
  const oddities = new Oddities();
  const table = await extractFeatures(
    model,
    dataset[part],
    {
      ...{ layer: featureMapOf(session).layer, pool, size, seed },
      ...(isVaried ? { augment, views } : { augment: [], views: 0 }),
    },
    {
      ...{ fingerprint, cacheFolder, signal, broken },
      onProgress: (done, total, { cached }) => {
        const overall = { done: before + done, total: all };
        onEvent({ type: 'features', part, done, total, cached, overall });
      },
      onBroken: ({ name }, { message }) => onEvent({ type: 'skipped', part, name, reason: message }),
      onOdd: (_, note) => oddities.add(note),
      onNote: (text) => onEvent({ type: 'note', text }),
    },
  );
  const left = table.stats.broken;
  if (left > 0) {
    onEvent({
      type: 'note',
      text: `${part}: ${left} of ${pictures(dataset[part].length)} left out, unreadable`,
    });
  }
  if (oddities.note) onEvent({ type: 'note', text: oddities.note });
  const lost = part === 'train' ? classesWithout(dataset.classes, table.samples) : [];
  const fault =
    table.samples.length === 0
      ? lostPartText(part, dataset[part].length)
      : lost.length > 0
        ? lostText(lost)
        : undefined;
  if (fault === undefined) return table;
  await table.close();
  throw new PictureError(`${dataset.name}: ${fault}`);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
