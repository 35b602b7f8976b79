// Says on stderr what a benchmark is doing: on a terminal in one line that changes, elsewhere not at all.

import type { Terminal } from '../terminal.js';

export interface Steps {
  readonly show: (step: string) => void;
  readonly end: () => void;
}

export function createSteps({ stderr }: Terminal): Steps {
  if (!stderr.isTTY) return { show: () => {}, end: () => {} };
  return {
    show(step) {
      stderr.write(`\r\x1b[K${step.slice(0, (stderr.columns || 80) - 1)}`);
    },
    end() {
      stderr.write('\r\x1b[K');
    },
  };
}
