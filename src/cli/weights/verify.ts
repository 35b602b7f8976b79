// vgg16 weights verify: whether weights are what they should be.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode, WeightsError } from '../../errors.js';
import { PACKAGED, verifyPackaged } from '../../node/embedded.js';
import { isHashKnown } from '../../node/fetch/claims.js';
import { listCached, verifyCached } from '../../node/fetch/weights_cache.js';
import { namedSource } from '../../node/weights/locate.js';
import { chunkOptions } from '../../weights/chunks.js';
import { readFinite } from '../../weights/finite.js';
import { describeVgg16 } from '../../weights/vgg16.js';
import { checkedText } from '../fetching.js';
import { withBar } from '../progress.js';
import { printable, type Terminal } from '../terminal.js';
import { withWeights } from '../weights_file.js';

const EXAMPLES = `
Examples:
  $ vgg16 weights verify
  $ vgg16 weights verify torchvision
  $ vgg16 weights verify model.h5

Weights that are known by name are held against the hashes of their publishers
and of their first check; where no publisher's hash is known, they are opened,
and OK says so. Any other file is read from end to end: its structure,
that it is a VGG16, and that every number is finite. Without arguments: all that
are here. Exit code 4 where one is not as it should be.`;

export function addVerify(weights: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  weights
    .command('verify')
    .summary('check that weights are what they should be')
    .description('Checks that weights are what they should be.')
    .argument('[names...]', 'files of weights, or NAMEs')
    .addHelpText('after', EXAMPLES)
    .action(async (names: string[]) => finish(await verify(names, terminal)));
}

async function verify(names: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let code: ExitCode = EXIT_CODES.ok;
  for (const name of names.length > 0 ? names : await namesHere()) {
    try {
      const what = await verified(name, terminal);
      terminal.print(`${terminal.colours.green('OK')}  ${printable(name)}: ${what}`);
    } catch (error) {
      if (!(error instanceof WeightsError)) throw error;
      terminal.error(error.message);
      code = error.exitCode;
    }
  }
  return code;
}

async function namesHere(): Promise<string[]> {
  const here = (await listCached()).filter(({ state }) => state === 'verified' || state === 'unverified');
  return [...Object.keys(PACKAGED), ...here.map(({ source }) => source.name)];
}

/** What was checked. @throws WeightsError where it is not as it should be */
async function verified(name: string, terminal: Terminal): Promise<string> {
  const { signal } = terminal;
  const named = namedSource(name);
  if (typeof named === 'string') {
    await verifyPackaged(named);
    return `SHA-256 ${PACKAGED[named].sha256}`;
  }
  if (named) {
    const { checked, sha256 } = await verifyCached(named.name, { signal });
    return isHashKnown(checked) ? `${checkedText(checked)}, SHA-256 ${sha256}` : checkedText(checked);
  }
  return withWeights(name, (source) =>
    withBar('verify', terminal, async (onProgress) => {
      const { convs, dense } = describeVgg16(source);
      const entries = [...source.tensors.values()];
      const reading = chunkOptions(entries, { onProgress, signal });
      for (const entry of entries) for await (const _ of readFinite(source, entry, entry.dtype, reading));
      return `${source.format}, ${convs.length + dense.length} layers, every number is finite`;
    }),
  );
}
