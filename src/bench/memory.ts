// What this process holds in memory. Linux only.

import { readFile, writeFile } from 'node:fs/promises';

/** Bytes held now (VmRSS), or at most since the process began or `resetPeak` was called (VmHWM). */
export async function memory(field: 'VmHWM' | 'VmRSS'): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]) * 1024;
}

/** Sets the peak back to what is held now. */
export async function resetPeak(): Promise<void> {
  await writeFile('/proc/self/clear_refs', '5');
}
