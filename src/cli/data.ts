// vgg16 data: what is to be known about a folder of pictures before a network is trained on it.

import type { Command } from 'commander';
import { EXIT_CODES, type ExitCode } from '../errors.js';
import { checkDataset, type Division, notesOn } from '../node/datasets/check.js';
import { type Problem, type ProblemKind, SEVERITIES } from '../node/datasets/examine.js';
import { VAL_SHARE } from '../node/datasets/find.js';
import type { Survey } from '../node/datasets/found.js';
import { surveyDataset } from '../node/datasets/survey.js';
import { whole } from '../text.js';
import { PARTS } from '../train/dataset.js';
import { number, wholeNumber } from './arguments.js';
import { createProgress } from './progress.js';
import { alignedRows } from './table.js';
import { printable, type Terminal } from './terminal.js';

const EXAMPLES = `
Examples:
  $ vgg16 data check photos/
  $ vgg16 data check labels.csv --json > problems.json

DIR is one of
  photos/cats/1.jpg            one folder a class: a share of each is
  photos/dogs/2.jpg            kept to validate with
  photos/train/cats/1.jpg      train/ and val/ (valid/, validation/),
  photos/val/cats/2.jpg        and test/ where there is one
  labels.csv                   columns file (path, image, filename), label
                               (class) and perhaps split (part, set)

Every picture is decoded, as training would. Nothing is changed. --seed and
--val-share are those that you would give to \`vgg16 train\`: they decide which
pictures validate where there is no val/.

Exit codes: 0 training can use all of it, warnings or not; 2 training could not
begin; 3 there are broken pictures, which training would leave out or, where
they are more than one and more than 5 %, would refuse.
--json prints {"name", "classes": [{"name", "train", "val", "test"}],
"problems": [{"kind", "severity", "path", "reason"}], "notes"}; without parts
all pictures are counted under "train".`;

export function addData(program: Command, terminal: Terminal, finish: (code: ExitCode) => void): void {
  const data = program
    .command('data')
    .summary('look into pictures to train on')
    .description('Looks into pictures to train on.')
    .helpCommand(false);
  data
    .command('check')
    .summary('list every broken, doubtful or misplaced file')
    .description('Lists every broken, doubtful or misplaced file of a data set.')
    .argument('<dir>', 'a folder of pictures, one folder a class, or a CSV')
    .option('--seed <n>', 'as for train (default: 0)', wholeNumber)
    .option('--val-share <x>', `as for train (default: ${VAL_SHARE})`, number)
    .option('--json', 'print JSON and nothing else on stdout')
    .addHelpText('after', EXAMPLES)
    .action(async (path: string, flags: CheckFlags) => finish(await check(path, flags, terminal)));
}

interface CheckFlags extends Division {
  readonly json?: true;
}

async function check(path: string, { json, ...division }: CheckFlags, terminal: Terminal): Promise<ExitCode> {
  const { signal, stderr } = terminal;
  const survey = await surveyDataset(path, signal);
  const notes = notesOn(survey, division);
  const bar = createProgress({ label: 'data check', total: 0, unit: 'files', stream: stderr });
  const problems: Problem[] = [];
  try {
    for await (const problem of checkDataset(survey, { onProgress: bar.update, signal, ...division }))
      problems.push(problem);
    bar.done();
  } finally {
    bar.stop();
  }
  terminal.print(json ? jsonOf(survey, problems, notes) : textOf(survey, problems, notes, terminal));
  const severities = new Set(problems.map(({ kind }) => SEVERITIES[kind]));
  if (problems.some(({ kind }) => kind === 'structure')) return EXIT_CODES.usage;
  return severities.has('broken') ? EXIT_CODES.picture : EXIT_CODES.ok;
}

function jsonOf(survey: Survey, problems: readonly Problem[], notes: readonly string[]): string {
  const { name, parts } = survey;
  const classes = classNames(survey).map((className) => ({
    name: className,
    ...Object.fromEntries(PARTS.map((part) => [part, parts[part]?.get(className)?.length ?? 0])),
  }));
  const rated = problems.map(({ kind, path, reason }) => ({
    kind,
    severity: SEVERITIES[kind],
    path,
    reason,
  }));
  return JSON.stringify({ name, classes, problems: rated, notes }, undefined, 1);
}

/** What training makes of pictures that it cannot read. */
const LEFT_OUT = 'training would leave these out';

/** What each kind is called, and what training makes of it; the worst first. */
const HEADINGS: Readonly<Record<ProblemKind, string>> = {
  structure: 'Structure: training could not begin',
  refused: 'Training would refuse',
  unreadable: `Unreadable: ${LEFT_OUT}`,
  empty: `Empty: ${LEFT_OUT}`,
  damaged: `Damaged: ${LEFT_OUT}`,
  'too-large': `Too large: ${LEFT_OUT}`,
  'not-a-picture': `Not a picture: ${LEFT_OUT}`,
  contradiction: 'The same picture in two classes: at most one can be right',
  leak: 'The same picture in two parts: what was learnt is no test',
  duplicate: 'The same picture again: it would count as often as it is there',
  extension: 'Another format than the name says: used all the same',
  tiny: 'Much smaller than what the network sees: used all the same',
  oblong: 'Of an extreme shape: used all the same',
  stray: 'In no class: left out',
  other: 'Not called a picture: left out',
};

function textOf(
  survey: Survey,
  problems: readonly Problem[],
  notes: readonly string[],
  { colours }: Terminal,
): string {
  const { bold, dim, red, yellow, green } = colours;
  const blocks = [countsText(survey, dim)];
  const isRefused = problems.some(({ kind }) => kind === 'refused');
  for (const [kind, heading] of Object.entries(HEADINGS)) {
    const ofKind = problems.filter((problem) => problem.kind === kind);
    if (ofKind.length === 0) continue;
    const severity = SEVERITIES[kind as ProblemKind];
    const colour = severity === 'warning' ? yellow : red;
    // Where there are so many that training stops, it leaves none of them out.
    const title = isRefused ? heading.replace(LEFT_OUT, 'mend these or take them out') : heading;
    const lines = ofKind.map(({ path, reason }) => `  ${printable(`${path}: ${reason}`)}`);
    blocks.push([`${bold(colour(title))} (${whole(ofKind.length)})`, ...lines].join('\n'));
  }
  if (notes.length > 0) blocks.push(notes.map((note) => `note: ${printable(note)}`).join('\n'));
  if (problems.length + notes.length === 0) blocks.push(green('All is well.'));
  return blocks.join('\n\n');
}

/** Pictures by class and part, and in all. */
function countsText(survey: Survey, dim: (text: string) => string): string {
  const { parts, isDivided } = survey;
  const shown = PARTS.filter((part) => parts[part]);
  const classes = classNames(survey);
  const rows = classes.map((name) => [
    printable(name),
    ...shown.map((part) => whole(parts[part]!.get(name)?.length ?? 0)),
  ]);
  const sums = shown.map((part) =>
    whole(classes.reduce((sum, name) => sum + (parts[part]!.get(name)?.length ?? 0), 0)),
  );
  const heading = ['class', ...(isDivided ? shown : ['pictures'])];
  const [first, ...rest] = alignedRows(
    [heading, ...rows, ['in all', ...sums]],
    heading.map((_, column) => (column === 0 ? {} : { align: 'right' as const })),
  );
  return [dim(first!), ...rest.slice(0, -1), dim(rest.at(-1)!)].join('\n');
}

/** Of all parts, each once; those of train first. */
function classNames({ parts }: Survey): string[] {
  return [...new Set(PARTS.flatMap((part) => [...(parts[part]?.keys() ?? [])]))];
}
