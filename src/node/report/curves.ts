// How a run went: loss, accuracy and learning rate over its epochs.

import {
  type Box,
  type LineChart,
  linearScale,
  lineChart,
  logScale,
  type Point,
  type Scale,
} from '../../plot/line_chart.js';
import { type Figure, standaloneSvg } from '../../plot/svg.js';
import { percent, short } from '../../text.js';
import type { EpochRow } from '../../train/epoch_row.js';

type History = readonly EpochRow[];

/** A panel's size in px: it stays readable on a phone, where the page shrinks it by a quarter. */
const WIDTH = 460;
const TALL = 260;
const LOW = 150;
const GAP = 20;

const PANEL = boxOf(WIDTH, TALL);

/** From this ratio of the largest loss to the smallest on, small losses can only be told apart by their logarithms. */
const LOGARITHMIC_FROM = 100;

/** One figure with all three, as a file. `best` is an epoch of `history`, which has at least one row. */
export function curvesSvg(history: History, best: number | undefined): string {
  const [loss, accuracy] = curveFigures(history, best);
  const rate = rateFigure(history, 2 * WIDTH + GAP);
  return standaloneSvg({
    width: 2 * WIDTH + 2 * GAP,
    height: TALL + LOW + 2 * GAP,
    title: 'Loss, accuracy and learning rate over the epochs',
    description: `Loss: ${loss.description} Accuracy: ${accuracy.description}`,
    body: `<g transform="translate(${GAP / 2} ${GAP / 2})">
${loss.body}
<g transform="translate(${WIDTH + GAP} 0)">
${accuracy.body}
</g>
<g transform="translate(0 ${TALL + GAP / 2})">
${rate.body}
</g>
</g>`,
  });
}

/** Loss, accuracy and learning rate, each as a figure of its own. */
export function curveFigures(history: History, best: number | undefined): [Figure, Figure, Figure] {
  const marked = history.find(({ epoch }) => epoch === best);
  const loss: Measure = {
    heading: 'Loss',
    columns: ['loss', 'val_loss'],
    y: lossScale(history),
    formatTick: short,
    format: short,
  };
  const accuracy: Measure = {
    heading: 'Accuracy',
    columns: ['accuracy', 'val_accuracy'],
    y: accuracyScale(history),
    formatTick: (share) => `${Number((100 * share).toPrecision(6))}%`,
    format: percent,
  };
  return [panel(history, loss, marked), panel(history, accuracy, marked), rateFigure(history, WIDTH)];
}

/** What is measured on training and on validation pictures alike. */
interface Measure {
  readonly heading: string;
  readonly columns: readonly [training: keyof EpochRow, validation: keyof EpochRow];
  readonly y: Scale & { readonly note?: string };
  readonly formatTick: (value: number) => string;
  readonly format: (value: number) => string;
}

function panel(
  history: History,
  { heading, columns, y, formatTick, format }: Measure,
  marked?: EpochRow,
): Figure {
  const [training, validation] = columns;
  const text = (value: number) => (Number.isFinite(value) ? format(value) : 'not measured');
  const both = (row: EpochRow) => `training ${text(row[training])}, validation ${text(row[validation])}`;
  const last = history.at(-1)!;
  return {
    width: WIDTH,
    height: TALL,
    title: `${heading} over the epochs`,
    description: `Epoch ${last.epoch}, the last: ${both(last)}.${marked ? ` Epoch ${marked.epoch}, the best: ${both(marked)}.` : ''}`,
    body: lineChart({
      ...overEpochs(history, PANEL),
      heading: `${heading}${y.note ?? ''}`,
      y,
      formatY: formatTick,
      curves: [
        { name: 'training', kind: 'side', points: pointsOf(history, training) },
        { name: 'validation', kind: 'main', points: pointsOf(history, validation) },
      ],
      mark: marked && { x: marked.epoch, text: `epoch ${marked.epoch}: ${text(marked[validation])}` },
    }),
  };
}

function rateFigure(history: History, width: number): Figure {
  const box = boxOf(width, LOW);
  const points = pointsOf(history, 'lr');
  return {
    width,
    height: LOW,
    title: 'Learning rate over the epochs',
    description: `From ${short(history[0]!.lr)} to ${short(history.at(-1)!.lr)}.`,
    body: lineChart({
      ...overEpochs(history, box),
      heading: 'Learning rate',
      y: linearScale([0, largest(points)], [box.bottom, box.top], { most: 2 }),
      formatY: short,
      curves: [{ name: '', kind: 'side', points }],
    }),
  };
}

function boxOf(width: number, height: number): Box {
  return { left: 54, right: width - 86, top: 50, bottom: height - 30 };
}

function overEpochs(history: History, box: Box): Pick<LineChart, 'box' | 'x' | 'formatX' | 'nameOfX'> {
  const epochs = [history[0]!.epoch, history.at(-1)!.epoch] as const;
  const x = linearScale(epochs, [box.left + 6, box.right - 6], { most: 7, smallestStep: 1, widen: false });
  return { box, x, formatX: String, nameOfX: 'epoch' };
}

function pointsOf(history: History, column: keyof EpochRow): Point[] {
  return history.map((row) => ({ x: row.epoch, y: row[column] }));
}

function valuesOf(history: History, columns: readonly (keyof EpochRow)[]): number[] {
  return history.flatMap((row) => columns.map((column) => row[column])).filter(Number.isFinite);
}

function largest(points: readonly Point[]): number {
  return points.reduce((max, { y }) => (y > max ? y : max), 0);
}

function lossScale(history: History): Scale & { readonly note?: string } {
  const losses = valuesOf(history, ['loss', 'val_loss']);
  const high = losses.reduce((a, b) => Math.max(a, b), 0);
  const low = losses.reduce((a, b) => Math.min(a, b), high);
  if (low > 0 && high / low > LOGARITHMIC_FROM) {
    return { ...logScale([low, high], [PANEL.bottom, PANEL.top]), note: ', logarithmic' };
  }
  return linearScale([0, high], [PANEL.bottom, PANEL.top]);
}

function accuracyScale(history: History): Scale {
  const accuracies = valuesOf(history, ['accuracy', 'val_accuracy']);
  const low = accuracies.reduce((a, b) => Math.min(a, b), 1);
  const high = accuracies.reduce((a, b) => Math.max(a, b), 0);
  // Never so close that a single picture looks like a cliff.
  const spread = Math.max(high - low, 0.1);
  const bottom = Math.max(0, Math.min(low, high - spread));
  return linearScale([bottom, Math.min(1, Math.max(high, bottom + spread))], [PANEL.bottom, PANEL.top], {
    most: 4,
  });
}
