// Trains in a process of its own, which a test may kill, put under limits, or take rights from:
//   node child.js '{"weights": "...", "folder": "...", "begin": {...options} | null, "cacheFolder": "...", "rightsUntil": 2}'
// Begins a run, or goes on with it. Says {"epoch": 3} and {"saved": "last"} on stdout, and {"done": true} or
// {"error": "..."}.

import { Gpu } from '../../../src/node/gpu.js';
import { type TrainOptions, trainHead } from '../../../src/node/training/new_run.js';
import { resumeRun } from '../../../src/node/training/resumed_run.js';
import { VGG16 } from '../../../src/node/vgg16.js';
import type { TrainEvent } from '../../../src/train/events.js';
import { pictures } from './pictures.js';

interface Task {
  readonly weights: string;
  readonly folder: string;
  readonly begin: TrainOptions | null;
  readonly cacheFolder: string;
  /** The epoch after which it becomes a user without rights; 0 is at once. Needs the rights of root. */
  readonly rightsUntil?: number;
}

const NOBODY = 65534;

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
const onEvent = (event: TrainEvent) => {
  if (event.type === 'epoch') {
    say({ epoch: event.row.epoch });
    if (event.row.epoch === rightsUntil) process.setuid!(NOBODY);
  }
  if (event.type === 'saved') say({ saved: event.what });
};

const { weights, folder, begin, cacheFolder, rightsUntil } = JSON.parse(process.argv[2]!) as Task;
const gpu = await Gpu.open();
const model = await VGG16.load({ weights, gpu });
if (rightsUntil === 0) process.setuid!(NOBODY);
try {
  if (begin) await trainHead(model, pictures(), { ...begin, cacheFolder, out: folder, onEvent });
  else await resumeRun(folder, { model, dataset: pictures(), cacheFolder, onEvent });
  say({ done: true });
} catch (error) {
  say({ error: `${(error as Error).name}: ${(error as Error).message}` });
}
model.dispose();
gpu.dispose();
