// What the commands under `vgg16 bench` have in common: which peers, how long, and where results go.

import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { writeAtomically } from '../../atomic_file.js';
import { PEERS_BY_DEFAULT, type PeerEngineName } from '../../bench/peers/engines.js';
import { type BenchReport, reportJson } from '../../bench/report.js';
import { refusing } from '../../disk.js';
import { printable, type Terminal } from '../terminal.js';

export interface BenchFlags<Peer extends PeerEngineName = PeerEngineName> {
  readonly adapter?: string;
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly maxSeconds: number;
  readonly untuned?: true;
  readonly json?: true;
  readonly out?: string;
  readonly svg?: string;
}

export interface BenchDefaults {
  readonly rounds?: number;
  readonly peers?: readonly PeerEngineName[];
  /** Whether there is a drawing. */
  readonly drawn?: boolean;
  /** Whether it matters what `vgg16 tune` chose. */
  readonly tuned?: boolean;
}

/** @param peers  that there are to choose from */
export function addBenchOptions(
  command: Command,
  peers: readonly PeerEngineName[],
  { rounds = 5, peers: usual = PEERS_BY_DEFAULT, drawn = true, tuned = true }: BenchDefaults = {},
): Command {
  command
    .addOption(
      new Option('--peers <names>', `of ${peers.join(', ')}; or none`)
        .argParser((text) => (text === 'none' ? [] : parseList(text, peers)))
        .default(usual, usual.join(',')),
    )
    .option('--rounds <n>', 'turns of each engine; their median counts', parseCount, rounds)
    .option('--max-seconds <n>', 'what takes an engine longer is cut short or left out', parseCount, 60);
  if (tuned) command.option('--untuned', 'leave aside what `vgg16 tune` chose');
  if (drawn) command.option('--svg <file>', 'draw the results as bars');
  return command
    .option('--out <file>', 'write the results as JSON as well')
    .option('--json', 'print JSON and nothing else on stdout');
}

/** A list of names, of those that there are. */
export function parseList<Name extends string>(text: string, names: readonly Name[]): Name[] {
  return text.split(',').map((part) => {
    const found = names.find((name) => name === part.trim());
    if (found === undefined)
      throw new InvalidArgumentError(`There is no "${printable(part)}"; there are ${names.join(', ')}.`);
    return found;
  });
}

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

/** Whole numbers of at least 1, with commas between them. */
export function parseCounts(text: string): number[] {
  return text.split(',').map(parseCount);
}

/** @throws OutputError for a file that cannot be written, before anything is measured for it */
export async function checkFiles(paths: readonly (string | undefined)[]): Promise<void> {
  for (const path of paths) {
    if (path === undefined) continue;
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (isThere) await refusing(path, () => access(path, constants.W_OK));
    else await refusing(path, () => access(dirname(path), constants.W_OK));
  }
}

/** Prints the results, as JSON or as `text`, and writes the files that were asked for. @throws OutputError */
export async function deliver(
  report: BenchReport,
  text: () => string,
  drawings: readonly (readonly [path: string | undefined, svg: () => string])[],
  { json, out }: { readonly json?: true; readonly out?: string },
  terminal: Terminal,
): Promise<void> {
  terminal.print(json ? reportJson(report).trimEnd() : text());
  const files: (readonly [string | undefined, () => string])[] = [
    [out, () => reportJson(report)],
    ...drawings,
  ];
  for (const [path, content] of files) {
    if (path === undefined) continue;
    await writeAtomically(path, (append) => append(Buffer.from(content())));
    if (!json) terminal.print(`Written  ${printable(path)}`);
  }
}
