// Ctrl-C while something is computed: heard at once, and ended in good order.

import { Interrupted } from './failure.js';
import type { Terminal } from './terminal.js';

/**
 * Says that an interrupt was heard, for what the GPU has begun may take seconds where a CPU computes, and nothing else ends in
 * good order.
 *
 * @param work  stops by itself when the terminal's signal is aborted
 */
export async function heedingInterrupts<T>(terminal: Terminal, work: () => Promise<T>): Promise<T> {
  const { signal } = terminal;
  const heard = () => {
    if (signal.reason instanceof Interrupted)
      terminal.note('the GPU finishes what it has begun; Ctrl-C again ends at once');
  };
  signal.addEventListener('abort', heard, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', heard);
  }
}
