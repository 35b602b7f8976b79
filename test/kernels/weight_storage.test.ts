import { expect, it } from 'vitest';
import type { Tensor } from '../../src/gpu/tensor.js';
import { weightStorage } from '../../src/kernels/weight_storage.js';

it.each([
  { dtype: 'f32', features: ['shader-f16'], vendor: 'mesa', storage: 'f32' },
  { dtype: 'f16', features: ['shader-f16'], vendor: 'mesa', storage: 'f16' },
  { dtype: 'f16', features: [], vendor: 'mesa', storage: 'packed-f16' },
  { dtype: 'f16', features: ['shader-f16'], vendor: 'nvidia', storage: 'packed-f16' },
] as const)(
  '$dtype on $vendor with $features is read as $storage',
  ({ dtype, features, vendor, storage }) => {
    const gpu = { features: new Set<string>(features), info: { vendor } };
    expect(weightStorage({ dtype, gpu } as unknown as Tensor)).toBe(storage);
  },
);
