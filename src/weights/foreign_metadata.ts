// Metadata of safetensors that other programs wrote. What our files say is binding, and refused where it makes no sense; the
// same words in a foreign file may mean anything.

import { WeightsError } from '../errors.js';
import type { WeightsSource } from './source.js';
import { quote } from './text.js';
import { describeVgg16 } from './vgg16.js';

/** What our files say of a network besides `preprocess`, which every one of them says. */
export const SAID_OF_NETWORKS = ['features', 'pool', 'size', 'activation', 'classes'] as const;

/** Whether a file of ours has these metadata: a network, or a head. */
export function areOurs(metadata: WeightsSource['metadata']): boolean {
  return metadata.preprocess !== undefined || metadata.head !== undefined;
}

/**
 * The metadata that are to be heeded: of a foreign file, those that suit its tensors.
 *
 * @param source  in torchvision's or timm's names
 * @param isOurs  `areOurs` the metadata in the file
 */
export function heeded(
  source: WeightsSource,
  isOurs: boolean,
): { readonly metadata: WeightsSource['metadata']; readonly notes: readonly string[] } {
  if (isOurs) return { metadata: source.metadata, notes: [] };
  const foreign = SAID_OF_NETWORKS.filter((key) => source.metadata[key] !== undefined);
  let metadata = withoutKeys(source.metadata, foreign);
  const notes: string[] = [];
  for (const key of foreign) {
    const text = source.metadata[key]!;
    const more = { ...metadata, [key]: text };
    if (suits({ ...source, metadata: more })) metadata = more;
    else notes.push(`metadata ${key}, ${quote(text)}, says nothing that suits this network: left aside`);
  }
  return { metadata, notes };
}

export function withoutKeys(
  metadata: WeightsSource['metadata'],
  keys: readonly string[],
): WeightsSource['metadata'] {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.includes(key)));
}

function suits(source: WeightsSource): boolean {
  try {
    describeVgg16(source);
    return true;
  } catch (error) {
    if (error instanceof WeightsError) return false;
    throw error;
  }
}
