// What the commands under `vgg16 bench` have in common: which peers, how long, and where results go.

import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { PEERS_BY_DEFAULT, type PeerEngineName } from '../../bench/peers/engines.js';
import { type BenchReport, reportJson } from '../../bench/report.js';
import { UsageError } from '../../errors.js';
import { checkWritable, writeAtomically } from '../../node/atomic_file.js';
import { count, counts } from '../arguments.js';
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
  readonly peers?: readonly string[];
  /** Whether there is a drawing. */
  readonly drawn?: boolean;
  /** Whether it matters what `vgg16 tune` chose. */
  readonly tuned?: boolean;
}

/** @param peers  that there are to choose from */
export function addBenchOptions(
  command: Command,
  peers: readonly string[],
  { rounds = 5, peers: usual = PEERS_BY_DEFAULT, drawn = true, tuned = true }: BenchDefaults = {},
): Command {
  command
    .addOption(
      new Option('--peers <names>', `of ${peers.join(', ')}; or none`)
        .argParser((text) => (text === 'none' ? [] : parseList(text, peers)))
        .default(usual, usual.join(',')),
    )
    .option('--rounds <n>', 'turns of each engine; their median counts', count, rounds)
    .option('--max-seconds <n>', 'what takes an engine longer is cut short or left out', count, 60);
  if (tuned) command.option('--untuned', 'leave aside what `vgg16 tune` chose');
  if (drawn) command.option('--svg <file>', 'draw the results as bars');
  return command
    .option('--out <file>', 'write the results as JSON as well')
    .option('--json', 'print JSON and nothing else on stdout');
}

/** A list of names, of those that there are; one that is said twice counts once. */
export function parseList<Name extends string>(text: string, names: readonly Name[]): Name[] {
  const wanted = text.split(',').map((part) => {
    const found = names.find((name) => name === part.trim());
    if (found === undefined)
      throw new InvalidArgumentError(`There is no "${printable(part)}"; there are ${names.join(', ')}.`);
    return found;
  });
  return [...new Set(wanted)];
}

/** More pictures than anybody can wait for, and an array that could hold them. */
const MOST_PICTURES = 4096;

/** Batches, of which each counts once. */
export function batches(text: string): number[] {
  const wanted = counts(text);
  if (wanted.some((batch) => batch > MOST_PICTURES))
    throw new InvalidArgumentError(`It must be at most ${MOST_PICTURES}.`);
  return [...new Set(wanted)];
}

/** As `batches`, of one. */
export function batch(text: string): number {
  count(text);
  return batches(text)[0]!;
}

/**
 * What is found out of files before anything is measured for them.
 *
 * @throws UsageError for one that would be written twice; OutputError for one that cannot be written
 */
export async function checkFiles(paths: readonly (string | undefined)[]): Promise<void> {
  const wanted = paths.filter((path) => path !== undefined).map((path) => resolve(path));
  const twice = wanted.find((path, i) => wanted.indexOf(path) !== i);
  if (twice !== undefined) throw new UsageError(`${printable(twice)} would be written twice`);
  for (const path of wanted) await checkWritable(path);
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
