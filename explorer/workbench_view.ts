// The workbench of a convolution: run the ladder, or change a kernel and see what becomes of it.

import type { ConvName } from '../src/architecture.js';
import { DIRECT_RUNGS, type DirectRung } from '../src/kernels/conv3x3/rungs.js';
import { element } from './dom.js';
import type { Explored } from './network.js';
import { MAX_NMSE, type Outcome, runEdited, runLadder, taskOf } from './workbench.js';

/** Texts that were edited, kept while the page is open. */
const texts = new Map<DirectRung, string>();
let chosen: DirectRung = '01_naive';

export function showWorkbench(body: HTMLElement, explored: Explored, layer: ConvName, size: number): void {
  const { gpu } = explored.model;
  const ladder = element('div', { 'aria-live': 'polite' });
  const run = element('button', { type: 'button' }, 'Run the ladder');
  run.addEventListener('click', () =>
    working(run, ladder, async () => runLadder(gpu, await taskOf(explored, layer, size))),
  );
  const result = element('div', { id: 'edited', 'aria-live': 'polite' });
  const rungs = Object.keys(DIRECT_RUNGS).filter((rung) => rung !== '07_subgroup_matrix') as DirectRung[];
  const select = element('select', {}, ...rungs.map((rung) => element('option', { value: rung }, rung)));
  select.value = chosen;
  const text = element('textarea', {
    rows: '24',
    spellcheck: 'false',
    wrap: 'off',
    'aria-label': 'WGSL of the kernel',
  });
  const show = () => {
    text.value = texts.get(chosen) ?? DIRECT_RUNGS[chosen];
    result.replaceChildren();
  };
  show();
  select.addEventListener('change', () => {
    chosen = select.value as DirectRung;
    show();
  });
  text.addEventListener('input', () => texts.set(chosen, text.value));
  const restore = element('button', { type: 'button' }, 'Restore');
  restore.addEventListener('click', () => {
    texts.delete(chosen);
    show();
  });
  const runIt = element('button', { type: 'button' }, 'Run');
  runIt.addEventListener('click', () =>
    working(runIt, result, async () => {
      const outcomes = await runEdited(gpu, await taskOf(explored, layer, size), chosen, text.value);
      goToLine(text, outcomes[0]!.fault);
      return outcomes;
    }),
  );
  body.append(
    element('h3', {}, 'The ladder'),
    element(
      'p',
      { class: 'hint' },
      `Every way that this project has to compute ${layer}, from naive to fast: checked against double precision, then timed on this adapter in turns.`,
    ),
    run,
    ladder,
    element('h3', {}, 'A kernel of your own'),
    element(
      'p',
      { class: 'hint' },
      'Change the text, a tile constant for instance, and run it: it is compiled, checked against double precision, and timed beside the original.',
    ),
    element('p', { class: 'buttons' }, element('label', {}, 'Begin with ', select), runIt, restore),
    text,
    result,
  );
}

async function working(
  button: HTMLButtonElement,
  result: HTMLElement,
  work: () => Promise<readonly Outcome[]>,
): Promise<void> {
  button.disabled = true;
  result.replaceChildren(element('p', { class: 'hint' }, 'Computing…'));
  try {
    result.replaceChildren(table(await work()));
  } catch (error) {
    result.replaceChildren(element('p', { class: 'bad' }, (error as Error).message));
  } finally {
    button.disabled = false;
  }
}

function table(outcomes: readonly Outcome[]): HTMLElement {
  const fastest = Math.max(...outcomes.map(({ gflops = 0 }) => gflops));
  const made = element(
    'table',
    { class: 'outcomes' },
    element(
      'tr',
      {},
      ...['kernel', 'ms', 'GFLOP/s', '', 'against float64'].map((name) => element('th', {}, name)),
    ),
  );
  for (const { name, ms, gflops, nmse, fault } of outcomes) {
    if (fault !== undefined) {
      made.append(
        element(
          'tr',
          {},
          element('td', {}, name),
          element('td', { colspan: '4', class: / needs /.test(fault) ? 'hint' : 'bad' }, fault),
        ),
      );
      continue;
    }
    const isRight = nmse! <= MAX_NMSE;
    const width = `width: ${((100 * (gflops ?? 0)) / fastest).toFixed(0)}%`;
    made.append(
      element(
        'tr',
        {},
        element('td', {}, name),
        element('td', {}, ms === undefined ? '' : Number(ms.toPrecision(3)).toString()),
        element('td', {}, gflops?.toFixed(1) ?? ''),
        element('td', { class: 'bar' }, element('span', { class: 'time', style: width })),
        element(
          'td',
          isRight ? {} : { class: 'bad' },
          isRight
            ? `right (${nmse!.toExponential(0)})`
            : `wrong (${Number.isNaN(nmse) ? 'not a number' : nmse!.toPrecision(2)})`,
        ),
      ),
    );
  }
  return made;
}

/** Selects the line that a compiler's message names. */
function goToLine(text: HTMLTextAreaElement, fault: string | undefined): void {
  const line = Number(/: line (\d+): /.exec(fault ?? '')?.[1]);
  if (!line) return;
  const lines = text.value.split('\n');
  const start = lines.slice(0, line - 1).reduce((sum, { length }) => sum + length + 1, 0);
  text.focus();
  text.setSelectionRange(start, start + (lines[line - 1]?.length ?? 0));
}
