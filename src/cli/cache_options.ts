// What the commands that compute features have in common: whether training's cache is used, and how much is done at once.

import type { Command } from 'commander';
import { cacheFolder } from '../node/cache.js';
import type { Reuse } from '../node/features/reuse.js';
import { count } from './arguments.js';
import type { Terminal } from './terminal.js';

export interface CacheFlags {
  readonly cache: boolean;
}

/** For `command.option`. */
export const BATCH_OPTION = [
  '--batch <n>',
  'pictures in a forward pass, at most (default: about 8)',
  count,
] as const;

export function addCacheOption(command: Command): Command {
  return command.option('--no-cache', 'compute all features anew, and keep none on disk');
}

export function reuseOf({ cache }: CacheFlags, terminal: Terminal): Reuse {
  return { cacheFolder: cache ? cacheFolder() : undefined, onNote: (note) => terminal.note(note) };
}
