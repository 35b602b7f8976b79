// A head put on its base: one VGG16 to all who read it.

import { convsUntil } from '../architecture.js';
import { type OpenedBase, openBase } from './base.js';
import { type HeadFile, headFileOf } from './head_file.js';
import { metadataOfWhole } from './head_metadata.js';
import type { OpenOptions } from './open.js';
import type { OpenedWeights } from './opened.js';
import { entryToRead } from './source.js';
import { torchvisionTensors } from './torchvision.js';

/** What a base says that stays true, and due, with a head on it. */
const NOTES_OF_BASE = ['source', 'author', 'license', 'licence', 'attribution', 'changes'];
const PREFIX = 'base-';

/**
 * The head with the convolutions that it stands on; its training's state and the base's own head are left out. Takes the
 * head over: it is closed with the result, or at once where this fails.
 *
 * @throws WeightsError as `headFileOf` and `openBase`
 */
export async function withBase(head: OpenedWeights, { base: named }: OpenOptions): Promise<OpenedWeights> {
  try {
    const file = headFileOf(head);
    return join(head, file, await openBase(file, named));
  } catch (error) {
    await head.close();
    throw error;
  }
}

function join(head: OpenedWeights, file: HeadFile, { source: base, weights }: OpenedBase): OpenedWeights {
  const convs = weights.convs.slice(0, convsUntil(file.features).length);
  const ofBase = torchvisionTensors({ ...weights, convs, dense: [] }).map(({ entry }) => entry);
  const tensors = new Map([...ofBase, ...file.tensors].map((entry) => [entry.name, entry]));
  const isOfBase = new Set(ofBase.map(({ name }) => name));
  const sourceOf = (name: string) => (isOfBase.has(name) ? base : head);
  const { path, format, ownMetadata, notes, preprocessNote } = head;
  const whole = {
    path,
    format: `${format}, a head`,
    tensors,
    metadata: { ...notesOf(base), ...metadataOfWhole(head.metadata) },
    ownMetadata,
    notes,
    preprocessNote,
    base: { ref: file.base.ref, path: base.path, format: base.format, fingerprint: file.base.fingerprint },
    origins: new Map([...tensors.keys()].map((name) => [name, sourceOf(name).origins.get(name)!])),
    async read(name: string, start: number, target: Uint8Array) {
      entryToRead(whole, name, start, target.length);
      await sourceOf(name).read(name, start, target);
    },
    async close() {
      await Promise.all([head.close(), base.close()]);
    },
  };
  return whole;
}

/** Under names that tell whose they are: the head's are its owner's own. */
function notesOf(base: OpenedWeights): Record<string, string> {
  const said = Object.entries({ ...base.metadata, ...base.ownMetadata });
  return Object.fromEntries(
    said.flatMap(([key, text]) => {
      if (NOTES_OF_BASE.includes(key)) return [[`${PREFIX}${key}`, text]];
      return key.startsWith(PREFIX) ? [[key, text]] : []; // of the base's own base, which it was exported with
    }),
  );
}
