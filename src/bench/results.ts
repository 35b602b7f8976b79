// Results of a benchmark as JSON, with what is needed to compare them later.

import { execFileSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomically } from '../atomic_file.js';
import type { GpuInfo } from '../gpu/gpu.js';

export async function writeResults(path: string, adapter: GpuInfo, results: object): Promise<void> {
  const git = ['describe', '--always', '--dirty', '--exclude', '*'];
  const commit = execFileSync('git', git, { encoding: 'utf8' }).trim();
  const versions = { 'vgg16-webgpu': __VERSION__, node: process.version };
  const text = JSON.stringify({ adapter, versions, commit, ...results }, null, 1);
  await mkdir(dirname(path), { recursive: true });
  await writeAtomically(path, (append) => append(new TextEncoder().encode(`${text}\n`)));
}
