// vgg16 doctor: what this machine has, what that means for VGG16, and what would help.

import type { Command } from 'commander';
import type { ExitCode } from '../errors.js';
import type { AdapterSource } from '../gpu/device.js';
import { byteText } from '../text.js';
import { type AdapterFindings, examine, type Findings } from './doctor_findings.js';
import { describeSubgroups } from './doctor_meaning.js';
import { duration } from './progress.js';
import { alignedRows, wrapped } from './table.js';
import { printable, type Terminal } from './terminal.js';

const EXAMPLES = `
Examples:
  $ vgg16 doctor
  $ vgg16 doctor --adapter swiftshader
  $ vgg16 doctor --json > machine.json

Exit code 5 without an adapter, 6 when it computes wrongly, 4 when the embedded
base is missing or damaged.`;

export function addDoctor(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const command = program
    .command('doctor')
    .summary('tell what this machine has, and whether it computes rightly')
    .description(
      'Tells what this machine has, what that means for VGG16, and whether the adapter computes rightly.',
    )
    .option('--json', 'print JSON and nothing else on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async () => finish(await doctor(command.optsWithGlobals(), terminal)));
}

async function doctor(
  { adapter, json }: { adapter?: string; json?: true },
  terminal: Terminal,
): Promise<ExitCode> {
  const findings = await examine(adapter);
  terminal.print(json ? JSON.stringify(findings, undefined, 2) : reportText(findings, terminal));
  if (findings.fault) terminal.error(findings.fault);
  return findings.code;
}

function reportText(
  { versions, adapter, embeddedBase, cache, advice }: Findings,
  terminal: Terminal,
): string {
  const { bold, green, red } = terminal.colours;
  const verdict = (isGood: boolean, good: string, bad: string) => (isGood ? green(good) : red(bold(bad)));
  const section = (title: string, lines: readonly string[]) =>
    [bold(title), ...lines.map((line) => `  ${line}`)].join('\n');

  const sections = [
    section('Versions', [
      `vgg16-webgpu ${versions.package}, Dawn (npm webgpu) ${versions.webgpu ?? 'missing'}, Node ${versions.node}, ${versions.platform}`,
    ]),
    section('Embedded ImageNet base', [
      `${verdict(embeddedBase.ok, 'OK', 'FAIL')}  ${printable(embeddedBase.message)}`,
    ]),
    section('Cache folder', [`${printable(cache.folder)}, ${byteText(cache.bytes)}`]),
  ];
  if (adapter) sections.push(...adapterSections(adapter, section, verdict));
  else sections.push(section('Adapter', [red(bold('NONE'))]));
  if (advice.length > 0)
    sections.push(
      section(
        'Notes',
        advice.flatMap((text) => wrapped(text, NOTE_WIDTH)),
      ),
    );
  return sections.join('\n\n');
}

const NOTE_WIDTH = 90;

const SOURCES: Readonly<Record<AdapterSource, string>> = {
  system: "the system's driver",
  swiftshader: 'SwiftShader out of the npm package @sparticuz/chromium',
  null: "Dawn's null backend",
};

function adapterSections(
  adapter: AdapterFindings,
  section: (title: string, lines: readonly string[]) => string,
  verdict: (isGood: boolean, good: string, bad: string) => string,
): string[] {
  const { features, limits, largestBatch, selfTest } = adapter;
  return [
    section(
      'Adapter',
      alignedRows(
        [
          ['name', adapter.description || adapter.device],
          ['device', [adapter.vendor, adapter.architecture, adapter.device].filter(Boolean).join(' / ')],
          ['from', SOURCES[adapter.source]],
          ['kind', kindOf(adapter)],
          ['subgroups', describeSubgroups(adapter)],
          ['tuned', tunedText(adapter)],
        ],
        [{}, {}],
      ),
    ),
    section(
      'Features',
      alignedRows(
        features.map(({ name, present, use }) => [name, present ? 'yes' : 'no', use]),
        [{}, {}, {}],
      ),
    ),
    section(
      'Limits',
      alignedRows(
        [
          ...limits.map(({ title, text, meaning }) => [title, text, meaning]),
          ['largest batch', String(largestBatch), 'pictures of 224 px in a forward pass'],
        ],
        [{}, { align: 'right' }, {}],
      ),
    ),
    section('Self-test', [
      `${verdict(selfTest.passed, 'PASS', 'FAIL')}  ${printable(selfTest.message)}, ${duration(selfTest.milliseconds)}`,
    ]),
  ];
}

function tunedText({ tuned: { f32, f16 } }: AdapterFindings): string {
  if (f32 + f16 === 0) return 'no; `vgg16 tune` chooses the fastest kernels';
  return `for ${f32} shapes with f32 weights, ${f16} with f16`;
}

function kindOf({ source, isSoftware }: AdapterFindings): string {
  if (source === 'null') return 'NOTHING: programs are checked and not run';
  return isSoftware ? 'SOFTWARE: a CPU computes, correct but slow' : 'GPU';
}
