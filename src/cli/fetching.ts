// Weights that come over the network: a bar while they come, and whether they may.

import { isHashKnown } from '../node/fetch/claims.js';
import type { FetchedWeights, FetchOptions } from '../node/fetch/fetch.js';
import { createProgress } from './progress.js';
import type { Terminal } from './terminal.js';

export interface FetchFlags {
  readonly url?: string | undefined;
  readonly offline?: true | undefined;
}

/** For `command.option`, wherever a known name may be fetched. */
export const OFFLINE_OPTION = ['--offline', 'download nothing (default: $VGG16_OFFLINE)'] as const;

/** Runs a fetch with a bar of its own. @throws as `fetchWeights` */
export async function fetchWithBar(
  { url, offline }: FetchFlags,
  terminal: Terminal,
  fetch: (options: FetchOptions) => Promise<FetchedWeights>,
): Promise<FetchedWeights> {
  const bar = createProgress({ label: 'fetch', total: 0, unit: 'B', stream: terminal.stderr });
  try {
    return await fetch({
      url,
      offline,
      signal: terminal.signal,
      onProgress: bar.update,
      onDownloaded: bar.done,
      onNote: (line) => terminal.note(line),
    });
  } finally {
    // Whatever ended it before all was there.
    bar.stop();
  }
}

/** What weights were checked against, and how little it proves where that is no hash. */
export function checkedText(checked: readonly string[]): string {
  return isHashKnown(checked)
    ? checked.join(', ')
    : `${checked.join(' and ')} only; no publisher's hash is known`;
}
