// Weights that come over the network: a bar while they come, and whether they may.

import type { Command } from 'commander';
import type { FetchedWeights, FetchOptions } from '../weights/fetch/fetch.js';
import { createProgress } from './progress.js';
import type { Terminal } from './terminal.js';

export interface FetchFlags {
  readonly url?: string | undefined;
  readonly offline?: true | undefined;
}

export function addOfflineOption(command: Command): Command {
  return command.option('--offline', 'download nothing (default: $VGG16_OFFLINE)');
}

/** VGG16_OFFLINE says for every command what --offline says for one. */
function isOffline({ offline }: FetchFlags): boolean {
  return offline === true || !['', '0', undefined].includes(process.env.VGG16_OFFLINE);
}

/** Runs a fetch with a bar of its own. @throws as `fetchWeights` */
export async function fetchWithBar(
  flags: FetchFlags,
  terminal: Terminal,
  fetch: (options: FetchOptions) => Promise<FetchedWeights>,
): Promise<FetchedWeights> {
  const bar = createProgress({ label: 'fetch', total: 0, unit: 'B', stream: terminal.stderr });
  try {
    return await fetch({
      url: flags.url,
      offline: isOffline(flags),
      signal: terminal.signal,
      onProgress: bar.update,
      onNote: (line) => terminal.note(line),
    });
  } finally {
    bar.done();
  }
}
