// Where the demo runs: a process with a terminal, or a test.
import type { ProgressStream } from '../src/cli/progress.js';

export interface Surroundings {
  /** For results. */
  readonly stdout: ProgressStream;
  /** For everything else. */
  readonly stderr: ProgressStream;
  /** Seconds since the process started. */
  readonly now: () => number;
  /** Aborted when the user has had enough. */
  readonly signal: AbortSignal;
}
