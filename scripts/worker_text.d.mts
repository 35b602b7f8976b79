import type { Plugin } from 'esbuild';

export function workerText(file: string): string;
export const workerTextPlugin: Plugin;
