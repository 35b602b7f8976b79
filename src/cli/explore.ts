// vgg16 explore: the explorer page, served to this machine.

import { basename } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { type ModelFiles, modelFiles, pageFolder, writeSite } from '../node/explorer/model_files.js';
import { servePage } from '../node/explorer/server.js';
import { addWeightsOption } from './model_options.js';
import type { Terminal } from './terminal.js';
import { activationOption, baseFile, type WeightsFlags, weightsFile } from './weights_file.js';

interface ExploreFlags extends WeightsFlags {
  readonly weights?: string;
  readonly port?: number;
  readonly site?: string;
}

const EXAMPLES = `
Examples:
  $ vgg16 explore
  $ vgg16 explore --weights runs/train-3 --port 8080
  $ vgg16 explore --weights mini --site public/

Open the address that is printed in a browser with WebGPU (Chrome, Edge, Safari
26, Firefox 141). An image goes through the network in the page: every layer's
maps, where each number comes from, the classes and what speaks for them, and
the kernels that computed it. Nothing is uploaded. Ctrl-C ends the server.

With --site, the page and the network are written as files that any web server
may offer (over https), and nothing is served.`;

export function addExplore(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('explore')
    .summary('look into a network in the browser')
    .description('Serves a page on 127.0.0.1 in which a network and its kernels can be looked into.');
  addWeightsOption(command)
    .addOption(activationOption())
    .option('--port <number>', 'where to serve (default: 8216, or a free port if that is taken)', portNumber)
    .option('--site <folder>', 'write the page as files into a new folder instead')
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await explore(command.opts(), terminal)));
}

async function explore(flags: ExploreFlags, terminal: Terminal): Promise<ExitCode> {
  const { weights: name, preprocess, activation, port, site } = flags;
  const { signal } = terminal;
  const { path } = await weightsFile(name, flags, terminal);
  const base = await baseFile(flags, terminal);
  const title = name === undefined ? 'The ImageNet base' : basename(name);
  const model = await modelFiles(path, title, { base, preprocess, activation, signal });
  try {
    for (const note of model.notes) terminal.note(note);
    if (site !== undefined) await write(site, model, terminal);
    else await serve(port, model, terminal);
  } finally {
    await model.dispose();
  }
  return EXIT_CODES.ok;
}

async function write(folder: string, model: ModelFiles, terminal: Terminal): Promise<void> {
  const files = await writeSite(folder, model);
  terminal.print(`${folder}: ${files.length} files; any web server may offer them, over https`);
}

/** Until the user has had enough, which is how this command ends well. */
async function serve(port: number | undefined, model: ModelFiles, terminal: Terminal): Promise<void> {
  const { signal } = terminal;
  signal.throwIfAborted();
  const server = await servePage(pageFolder(), model, port);
  terminal.print(server.url);
  terminal.note('open it in a browser; Ctrl-C ends the server');
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await server.close();
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a port, 0 to 65535.');
}
