// env.json: what a run was computed with.

import { availableParallelism } from 'node:os';
import type { Gpu } from '../../gpu/gpu.js';

export function environmentOf(gpu: Gpu): Record<string, unknown> {
  const { vendor, architecture, device, description, isSoftware } = gpu.info;
  return {
    'vgg16-webgpu': __VERSION__,
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    processors: availableParallelism(),
    gpu: { vendor, architecture, device, driver: description, isSoftware },
    started: new Date().toISOString(),
  };
}
