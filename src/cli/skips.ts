// Pictures that are left out: the first few by name, for the same fault may have thousands.

import type { Terminal } from './terminal.js';

/** So many are named. */
const NAMED = 5;

export class Skips {
  #count = 0;

  constructor(private readonly terminal: Pick<Terminal, 'skipped' | 'note'>) {}

  /** @param reason  a line that names the picture */
  add(reason: string): void {
    this.#count++;
    if (this.#count <= NAMED) this.terminal.skipped(reason);
    if (this.#count === NAMED + 1)
      this.terminal.note('more are left out and not named here; `vgg16 data check` names them all');
  }
}
