// NumPy's files say nothing of the library that trained a network: the names in them do.

import { WeightsError } from '../../errors.js';
import type { Archive, FoundVgg16 } from '../archive.js';
import { listNames } from '../text.js';
import { findFrossard } from './frossard.js';
import { findTorch, prefixesOf } from './torch.js';

/**
 * @throws WeightsError for names that are neither Frossard's nor torchvision's, and for an incomplete network
 * @throws FileFault for shapes that no layer of VGG16 has
 */
export function findNpz(archive: Archive): FoundVgg16 {
  const found = findFrossard(archive);
  if (found) return found;
  const names = [...archive.tensors.keys()];
  if (prefixesOf(names).length > 0) return findTorch(archive);
  throw new WeightsError(
    `${archive.path}: no VGG16 in names that are known, Frossard's (conv1_1_W ...) or torchvision's ` +
      `(features.0.weight ...): it holds ${listNames(names) || 'no floating point array'}`,
  );
}
