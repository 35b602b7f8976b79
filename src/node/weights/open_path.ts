// Opens one weights file by its path, with what Node adds to the formats of the core: zlib, and HDF5.

import { openWeightsFile } from '../../weights/open.js';
import type { OpenedWeights, ReadOptions } from '../../weights/opened.js';
import { openFile } from '../files.js';
import { inflateByZlib } from '../inflate.js';

/**
 * @param path  a file; not a folder that stands for one
 * @throws WeightsError where it is missing, and as `openWeightsFile`
 */
export async function openWeightsPath(path: string, options: ReadOptions = {}): Promise<OpenedWeights> {
  return openWeightsFile(await openFile(path), options, {
    inflateRaw: inflateByZlib,
    openKerasH5: async (file) => {
      const { openKerasH5 } = await import('../hdf5/keras_h5.js');
      return await openKerasH5(file);
    },
    openKerasZip: async (file) => {
      const { openKerasZip } = await import('../hdf5/keras_zip.js');
      return await openKerasZip(file);
    },
  });
}
