// A bar for work on files of weights, where there is time to read it.

import { createProgress } from './progress.js';
import type { Terminal } from './terminal.js';

/** Less than this is done before a bar could be read. */
const BYTES_WORTH_A_BAR = 100e6;

export type ReportBytes = (progress: { readonly loaded: number; readonly total: number }) => void;

/** Shows a bar on a terminal while `work` reports that it handles a large file. */
export async function withBar<T>(
  label: string,
  { stderr }: Terminal,
  work: (report: ReportBytes) => Promise<T>,
): Promise<T> {
  const bar = createProgress({ label, total: 0, unit: 'B', stream: stderr });
  try {
    const result = await work(({ loaded, total }) => {
      if (stderr.isTTY && total >= BYTES_WORTH_A_BAR) bar.update(loaded, total);
    });
    bar.done();
    return result;
  } finally {
    bar.stop();
  }
}
