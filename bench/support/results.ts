// Results of a script of this repository as JSON, with what is needed to compare them later.

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { GpuInfo } from '../../src/gpu/device.js';
import { writeAtomically } from '../../src/node/atomic_file.js';

export async function writeResults(path: string, adapter: GpuInfo, results: object): Promise<void> {
  const versions = { 'vgg16-webgpu': __VERSION__, node: process.version };
  const text = JSON.stringify({ adapter, versions, commit: __COMMIT__, ...results }, null, 1);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (append) => append(new TextEncoder().encode(`${text}\n`)));
}
