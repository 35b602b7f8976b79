// A head put on its base: one VGG16 to all who read it.

import { convsUntil } from '../architecture.js';
import { WeightsError } from '../errors.js';
import { fingerprintOf } from './fingerprint.js';
import type { HeadFile } from './head_file.js';
import { metadataOfWhole } from './head_metadata.js';
import type { OpenedWeights } from './opened.js';
import { entryToRead } from './source.js';
import { formatShape, quote } from './text.js';
import { torchvisionTensors } from './torchvision.js';
import type { Vgg16Weights } from './vgg16.js';

/** What a base says that stays true, and due, with a head on it. */
const NOTES_OF_BASE = ['source', 'author', 'license', 'licence', 'attribution', 'changes'];
const PREFIX = 'base-';

/** What a message says of naming another base. */
export const NAME_ANOTHER = '--base FILE (base) names another';

/** An open base with its layers. Whoever opened it closes it. */
export interface OpenedBase {
  readonly source: OpenedWeights;
  readonly weights: Vgg16Weights;
}

/**
 * Checks that a base is the one that a head was trained on. Other numbers below a head would make nonsense of it, and nobody
 * would be told.
 *
 * @param fingerprint  `fingerprintOf`, by whoever may know the answer already
 * @throws WeightsError where it ends below the layer that the head stands on, and where its numbers are others
 */
export async function checkBase(
  { path, features, base }: HeadFile,
  { source, weights }: OpenedBase,
  fingerprint: (weights: Vgg16Weights, until: string) => Promise<string> = fingerprintOf,
): Promise<void> {
  const file = source.path;
  if (weights.convs.length < convsUntil(features).length) {
    throw new WeightsError(
      `${path} stands on ${features}, but its base, ${file}, ends with ${weights.features}; ${NAME_ANOTHER}`,
    );
  }
  const found = await fingerprint(weights, features);
  if (found === base.fingerprint) return;
  throw new WeightsError(
    `${path} was trained on another base than ${file}: on ${quote(base.ref)} with the fingerprint ` +
      `${shortened(base.fingerprint)}, this one has ${shortened(found)}; ${NAME_ANOTHER}`,
  );
}

/** Enough of a fingerprint to tell two apart. */
export function shortened(fingerprint: string): string {
  return `${fingerprint.slice(0, 12)}…`;
}

/**
 * The head with the convolutions that it stands on, those that were trained with it as its own file has them; its training's state and
 * the base's own head are left out. Closing it closes both files.
 *
 * @throws WeightsError where a convolution that was trained has another shape than the base's
 */
export function withBase(
  head: OpenedWeights,
  file: HeadFile,
  { source: base, weights }: OpenedBase,
): OpenedWeights {
  const convs = weights.convs.slice(0, convsUntil(file.features).length);
  const ofBase = torchvisionTensors({ ...weights, convs, dense: [] }).map(({ entry }) => entry);
  const tensors = new Map([...ofBase, ...file.tensors].map((entry) => [entry.name, entry]));
  checkTrained(file, weights);
  const isOfHead = new Set(file.tensors.map(({ name }) => name));
  const sourceOf = (name: string) => (isOfHead.has(name) ? head : base);
  const { path, format, ownMetadata, notes, preprocessNote } = head;
  const whole = {
    path,
    format: `${format}, a head`,
    tensors,
    metadata: { ...notesOf(base), ...metadataOfWhole(head.metadata) },
    ownMetadata,
    notes,
    preprocessNote,
    base: {
      ...{ ref: file.base.ref, path: base.path, format: base.format, fingerprint: file.base.fingerprint },
      isChanged: file.unfrozen !== undefined,
    },
    origins: new Map([...tensors.keys()].map((name) => [name, sourceOf(name).origins.get(name)!])),
    async read(name: string, start: number, target: Uint8Array) {
      entryToRead(whole, name, start, target.length);
      await sourceOf(name).read(name, start, target);
    },
    stored: (name: string) => sourceOf(name).stored?.(name),
    async close() {
      await Promise.all([head.close(), base.close()]);
    },
  };
  return whole;
}

/** Other shapes would be found out later, and called a fault of a file that has none. */
function checkTrained({ path, tensors }: HeadFile, weights: Vgg16Weights): void {
  for (const { name, shape } of torchvisionTensors(weights)) {
    const own = tensors.find((entry) => entry.name === name && name.startsWith('features.'));
    if (own && formatShape(own.shape) !== formatShape(shape)) {
      throw new WeightsError(
        `${path}: ${quote(name)} is ${formatShape(own.shape)}, but in its base ${formatShape(shape)}`,
      );
    }
  }
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
