// vgg16 bench: how fast and how right, beside others.

import type { Command } from 'commander';
import type { ExitCode } from '../../errors.js';
import type { Terminal } from '../terminal.js';
import { addE2e } from './e2e.js';
import { addFirst } from './first.js';
import { addLadder } from './ladder.js';
import { addLayers } from './layers.js';
import { addMemory } from './memory.js';
import { addTrainStep } from './train_step.js';

const EXAMPLES = `
Examples:
  $ vgg16 bench e2e
  $ vgg16 bench ladder conv3x3
  $ vgg16 bench layers --svg layers.svg
  $ vgg16 bench e2e --batch 1,8,32 --json > e2e.json

Engines take turns on the same input, and each is held against float64 before it
is timed. Weights and pictures are random: nothing is downloaded. Peers are
measured where they are installed, and those on WebGPU on the same device:
  npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-webgpu \\
    @tensorflow/tfjs-backend-wasm        (train-step: esbuild as well)
  npm install onnxruntime-node           (then --peers onnxruntime-cpu,...)

The exit code is 6 where something of ours is wrong or could not run. Ctrl-C
ends a benchmark without a result.`;

export function addBench(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const bench = program
    .command('bench')
    .summary('time it beside TensorFlow.js')
    .description('Times the kernels, the layers and the whole network, beside TensorFlow.js.')
    .helpCommand(false)
    .addHelpText('after', EXAMPLES);
  const commands = [addE2e, addLayers, addLadder, addTrainStep, addMemory, addFirst];
  for (const add of commands) add(bench, terminal, finish);
}
