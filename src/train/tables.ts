// The features of a part of the data set, with all that there is to tell on the way.

import { PictureError } from '../errors.js';
import { countClasses } from './class_weights.js';
import { listed, pictures } from './data/words.js';
import { extractFeatures } from './features/extract.js';
import type { FeatureTable } from './features/spec.js';
import type { Part } from './samples.js';
import { featureMapOf, type Session } from './session.js';

/**
 * Opens the table of a part; only training pictures are varied. Whoever opened it closes it.
 *
 * @throws PictureError where too many pictures cannot be read, or all of a class to train on; GpuError;
 *   DeviceLostError; the signal's reason
 */
export async function openTable(session: Session, part: Part): Promise<FeatureTable> {
  const { model, dataset, options, fingerprint, cacheFolder, onEvent, signal } = session;
  const { pool, size, augment, views, seed } = options;
  const isVaried = part === 'train';
  const table = await extractFeatures(
    model,
    dataset[part],
    {
      ...{ layer: featureMapOf(session).layer, pool, size, seed },
      ...(isVaried ? { augment, views } : { augment: [], views: 0 }),
    },
    {
      ...{ fingerprint, cacheFolder, signal },
      onProgress: (done, total, { cached }) => onEvent({ type: 'features', part, done, total, cached }),
      onBroken: ({ name }, { message }) => onEvent({ type: 'skipped', part, name, reason: message }),
      onNote: (text) => onEvent({ type: 'note', text }),
    },
  );
  const { broken } = table.stats;
  if (broken > 0) {
    onEvent({
      type: 'note',
      text: `${part}: ${pictures(broken)} of ${dataset[part].length} left out, unreadable`,
    });
  }
  if (!isVaried) return table;
  const counts = countClasses(table.samples, dataset.classes.length);
  const lost = dataset.classes.filter((_, label) => counts[label] === 0);
  if (lost.length === 0) return table;
  await table.close();
  throw new PictureError(`${dataset.name}: no picture of ${listed(lost)} can be read to train on`);
}
