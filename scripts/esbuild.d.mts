import type { BuildOptions } from 'esbuild';

export const define: Record<string, string>;
export const common: BuildOptions;
export const browser: BuildOptions;
export const explorer: BuildOptions;
