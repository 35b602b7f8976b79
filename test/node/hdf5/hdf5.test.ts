// HDF5 files good and bad, and the thread that keeps the bad ones from doing harm.

import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { WeightsError } from '../../../src/errors.js';
import { openFile } from '../../../src/node/files.js';
import { openHdf5, planSlab } from '../../../src/node/hdf5/hdf5.js';
import { temporaryFolder, thrownBy, write } from '../../weights/files.js';

const GOLDEN = 'test/golden/keras';

const folder = temporaryFolder();

/** A golden file with some of its bytes changed. */
function patched(file: string, changes: readonly (readonly [at: number, byte: number])[]): string {
  const bytes = readFileSync(`${GOLDEN}/${file}`);
  for (const [at, byte] of changes) bytes[at] = byte;
  return write(folder, 'patched.h5', bytes);
}

describe('an HDF5 file', () => {
  it('shows its groups, their strings, and its floating point datasets', async () => {
    const file = await openHdf5(await openFile(`${GOLDEN}/keras2_nested.h5`));
    try {
      expect(file.groups.get('')?.get('keras_version')).toBe('2.15.0');
      expect(file.groups.get('model_weights/dense')?.get('weight_names')).toEqual([
        'dense/kernel:0',
        'dense/bias:0',
      ]);
      expect(file.groups.get('model_weights/dropout')?.get('weight_names')).toEqual([]);
      expect(file.tensors.get('model_weights/dense/dense/kernel:0')?.shape).toEqual([8, 7]);
    } finally {
      await file.close();
    }
  });

  it('is read at any place, while others are', async () => {
    const names = ['keras2_full.h5', 'keras2_gzip.h5', 'keras2_official.h5'];
    const files = await Promise.all(names.map(async (name) => openHdf5(await openFile(`${GOLDEN}/${name}`))));
    try {
      const read = await Promise.all(
        files.map(async ({ tensors }) => {
          const kernel = [...tensors].find(([name]) => /fc1_W|fc1\/kernel/.test(name))![1];
          const whole = new Float32Array(kernel.storage.length);
          const pieces = new Float32Array(whole.length);
          const reads = [kernel.storage.read(0, whole)];
          for (let at = 0; at < pieces.length; at += 37) {
            reads.push(kernel.storage.read(at, pieces.subarray(at, at + 37)));
          }
          await Promise.all(reads);
          expect(pieces).toEqual(whole);
          return whole;
        }),
      );
      expect(read[1]).toEqual(read[0]);
      expect(read[2]).toEqual(read[0]);
    } finally {
      await Promise.all(files.map((file) => file.close()));
    }
  });

  it('cannot be read any more once it is closed', async () => {
    const file = await openHdf5(await openFile(`${GOLDEN}/keras2_full.h5`));
    await file.close();
    const [tensor] = file.tensors.values();
    const error = await thrownBy(() => tensor!.storage.read(0, new Float32Array(1)));
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toContain('it has been closed');
  });
});

describe('a bad HDF5 file', () => {
  const faultOf = async (path: string) => {
    const terminals = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
    const started = performance.now();
    const error = await thrownBy(async () => {
      const file = await openHdf5(await openFile(path));
      try {
        for (const { storage } of file.tensors.values()) {
          await storage.read(0, new Float32Array(storage.length));
        }
      } finally {
        await file.close();
      }
    });
    expect(performance.now() - started).toBeLessThan(5000);
    for (const terminal of terminals) {
      expect(terminal).not.toHaveBeenCalled();
      terminal.mockRestore();
    }
    expect(error).toBeInstanceOf(WeightsError);
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('\n');
    return error.message;
  };

  it('that is cut off says how much is missing', async () => {
    const bytes = readFileSync(`${GOLDEN}/keras2_full.h5`).subarray(0, 30_000);
    expect(await faultOf(write(folder, 'cut.h5', bytes))).toContain('truncated file: eof = 30000');
  });

  it('that is none is refused', async () => {
    expect(await faultOf(write(folder, 'none.h5', 'garbage'))).toContain('file signature not found');
  });

  it('whose compressed numbers are damaged names the dataset', async () => {
    // In the first chunk of fc1's kernel, as h5py's get_chunk_info tells.
    const path = patched('keras2_gzip.h5', [
      [147_700, 0xff],
      [147_701, 0xff],
      [147_702, 0xff],
    ]);
    expect(await faultOf(path)).toContain(
      'dataset "fc1/fc1/kernel:0": HDF5 says "filter returned failure during read"',
    );
  });

  it('that makes the library crash is refused', async () => {
    const path = patched('keras2_nested.h5', [[1879, 149]]);
    expect(await faultOf(path)).toContain('the HDF5 library crashes on it');
  });

  it('that makes the library hang is refused in time', async () => {
    const path = patched('keras2_gzip.h5', [
      [2274, 0],
      [2275, 0],
      [2280, 0],
      [2288, 0],
    ]);
    expect(await faultOf(path)).toContain('the HDF5 library hangs on it');
  });

  it('leads to no other file', async () => {
    // external.h5 has two datasets that are elsewhere: one by an external link, one in an external file of raw numbers.
    const file = await openHdf5(await openFile(`${GOLDEN}/external.h5`));
    try {
      expect([...file.tensors.keys()]).toEqual(['raw']);
      const error = await thrownBy(() => file.tensors.get('raw')!.storage.read(0, new Float32Array(4)));
      expect(error).toBeInstanceOf(WeightsError);
      expect(error.message).toContain('external.h5: dataset "raw": HDF5 says');
    } finally {
      await file.close();
    }
  });
});

describe('slabs', () => {
  const item = (shape: number[], chunks?: number[]) => ({
    path: 'x',
    shape,
    chunks,
    isFloat: true,
    size: 4,
    isFiltered: chunks !== undefined,
    isPlain: chunks === undefined,
  });

  it('are rows of the first axis', () => {
    expect(planSlab(item([25088, 4096]), 4 * 4096 * 600)).toEqual({
      start: 4 * 4096 * 512,
      slab: { path: 'x', offset: [512, 0], count: [512, 4096], byteLength: 2 ** 23 },
    });
  });

  it('are cut along a later axis where rows are too long', () => {
    expect(planSlab(item([2, 3, 2 ** 22]), 4 * (3 * 2 ** 22 + 2 ** 22 + 2 ** 21))).toEqual({
      start: 4 * (3 * 2 ** 22 + 2 ** 22 + 2 ** 21),
      slab: { path: 'x', offset: [1, 1, 2 ** 21], count: [1, 1, 2 ** 21], byteLength: 2 ** 23 },
    });
  });

  it('end with a chunk, and with the dataset', () => {
    const { slab } = planSlab(item([1000, 4096], [100, 4096]), 0);
    expect(slab.count).toEqual([500, 4096]);
    expect(planSlab(item([1000, 4096], [300, 4096]), 4 * 4096 * 950).slab).toMatchObject({
      offset: [900, 0],
      count: [100, 4096],
    });
  });
});
