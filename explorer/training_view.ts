// Train in the page: classes by name, images in them, a button; then how good it is, and the classifier as a file.

import { VggError } from '../src/errors.js';
import type { Picture } from '../src/image/picture.js';
import type { EpochRow } from '../src/train/epoch_row.js';
import { byId, element } from './dom.js';
import type { Explored } from './network.js';
import { decoded, paintPicture, type Shown, shownCamera, shownFile } from './pictures.js';
import { type ImageClass, LEAST_IMAGES, type Trained, train } from './training.js';

const SVG = 'http://www.w3.org/2000/svg';
const CURVE = { width: 320, height: 120 };
/** Side in px of the images that are kept, at most. */
const LARGEST_SIDE = 512;

export interface TrainingHost {
  /** The network that the page came with, without a head of its own. */
  readonly explored: () => Explored;
  readonly size: () => number;
  /** Looks at images with the classifier from now on. */
  readonly use: (head: Blob) => Promise<Explored>;
  readonly say: (text: string, isBad?: boolean) => void;
}

const classes: ImageClass[] = [
  { name: 'class 1', images: [] },
  { name: 'class 2', images: [] },
];
let isTraining = false;

/** Builds the view. Images are kept uncropped: training crops them as `vgg16 train` does. */
export function showTraining(host: TrainingHost): void {
  const body = byId('train-body');
  const list = element('div', { class: 'classes' });
  const result = element('div', { 'aria-live': 'polite' });
  const redraw = () => {
    list.replaceChildren(...classes.map((one) => classBox(one, host, redraw)));
    const isReady = classes.length > 1 && classes.every(({ images }) => images.length >= LEAST_IMAGES);
    start.disabled = isTraining || !isReady;
  };
  const more = element('button', { type: 'button' }, 'Add a class');
  more.addEventListener('click', () => {
    classes.push({ name: `class ${classes.length + 1}`, images: [] });
    redraw();
  });
  const start = element('button', { type: 'button', class: 'main' }, 'Train');
  start.addEventListener('click', async () => {
    isTraining = true;
    redraw();
    try {
      await trainAndShow(host, result);
    } catch (error) {
      host.say(
        error instanceof VggError ? error.message : `This page has a fault: ${(error as Error).message}`,
        true,
      );
    } finally {
      isTraining = false;
      redraw();
    }
  });
  body.replaceChildren(
    element(
      'p',
      { class: 'hint' },
      `Name your classes, put images into them (${LEAST_IMAGES} at least, ten are better), and train. One image in four is kept back to see how good the classifier is. Images stay in this page.`,
    ),
    list,
    element('p', { class: 'buttons' }, more, start),
    result,
  );
  redraw();
}

function classBox(one: ImageClass, host: TrainingHost, redraw: () => void): HTMLElement {
  const name = element('input', { type: 'text', value: one.name, 'aria-label': 'Name of the class' });
  name.addEventListener('input', () => {
    one.name = name.value;
  });
  const add = async (coming: readonly Promise<Shown>[]) => {
    for (const shown of coming) {
      try {
        one.images.push(decoded(await shown, LARGEST_SIDE));
      } catch (error) {
        if (!(error instanceof VggError)) throw error;
        host.say(error.message, true);
      }
    }
    redraw();
  };
  const addFiles = (files: FileList | null | undefined) =>
    void add([...(files ?? [])].map((file) => shownFile(file, file.name || 'the image')));
  const files = element('input', { type: 'file', accept: 'image/*', multiple: '', class: 'unseen' });
  files.addEventListener('change', () => addFiles(files.files));
  const camera = element('button', { type: 'button' }, 'camera');
  camera.addEventListener('click', () => void add([shownCamera()]));
  const remove = element('button', { type: 'button', 'aria-label': `Remove the class ${one.name}` }, '×');
  remove.addEventListener('click', () => {
    classes.splice(classes.indexOf(one), 1);
    redraw();
  });
  const images = element('div', { class: 'channels' });
  for (const [i, picture] of one.images.entries()) {
    const button = element(
      'button',
      { type: 'button', title: `image ${i + 1}: click to remove` },
      painted(picture),
    );
    button.addEventListener('click', () => {
      one.images.splice(i, 1);
      redraw();
    });
    images.append(button);
  }
  const box = element(
    'section',
    { class: 'class', 'aria-label': one.name },
    element('p', { class: 'buttons' }, name, remove),
    images,
    element('p', { class: 'buttons' }, element('label', { class: 'button' }, 'add images', files), camera),
  );
  box.addEventListener('drop', (event) => {
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove('dropping');
    addFiles(event.dataTransfer?.files);
  });
  return box;
}

function painted(picture: Picture): HTMLCanvasElement {
  const canvas = element('canvas');
  paintPicture(canvas, picture);
  return canvas;
}

async function trainAndShow(host: TrainingHost, body: HTMLElement): Promise<void> {
  const rows: EpochRow[] = [];
  const began = performance.now();
  const size = host.size();
  const trained = await train(host.explored(), classes, size, (event) => {
    if (event.type === 'features') {
      const { done, total } = event.overall;
      host.say(`Features of ${done} of ${total} images…`);
    } else if (event.type === 'epoch') {
      rows.push(event.row);
      host.say(`Epoch ${event.row.epoch} of ${event.epochs}…`);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  const explored = await host.use(trained.file);
  const { best, evaluation } = trained.network;
  const cells = await confusion(explored, trained, size);
  const link = element(
    'a',
    { class: 'button', href: URL.createObjectURL(trained.file), download: 'classifier.safetensors' },
    'Download the classifier',
  );
  body.replaceChildren(
    element('h3', {}, 'How good it is'),
    element(
      'p',
      {},
      `${(100 * evaluation.accuracy).toFixed(0)} % of ${evaluation.count} images that were kept back are right, after epoch ${best.epoch} of ${rows.length}; ${seconds.toFixed(1)} s.`,
    ),
    curve(rows),
    element(
      'p',
      { class: 'hint' },
      'Loss by epoch: of the images that it learns from (thin), and of those kept back (thick).',
    ),
    element('h3', {}, 'What was taken for what'),
    confusionTable(trained.classes, cells),
    element('p', { class: 'buttons' }, link),
    element(
      'p',
      { class: 'hint' },
      'On the command line: vgg16 classify photo.jpg --weights classifier.safetensors. Under "Look", images are now classified with it.',
    ),
  );
  host.say(`Trained in ${seconds.toFixed(1)} s.`);
}

/** The images kept back, by their class and by what they were taken for. */
async function confusion(
  explored: Explored,
  { classes: names, kept }: Trained,
  size: number,
): Promise<Picture[][][]> {
  const cells = names.map(() => names.map((): Picture[] => []));
  for (const { picture, label } of kept) {
    const [best] = await explored.model.classify(picture, { topK: 1, size });
    cells[label]![best!.index]!.push(picture);
  }
  return cells;
}

function confusionTable(names: readonly string[], cells: readonly (readonly Picture[][])[]): HTMLElement {
  const shown = element('div', { class: 'channels' });
  const table = element('table', { class: 'confusion' });
  table.append(
    element('tr', {}, element('th', {}, 'is \\ taken for'), ...names.map((name) => element('th', {}, name))),
  );
  for (const [truth, row] of cells.entries()) {
    const line = element('tr', {}, element('th', {}, names[truth]!));
    for (const [predicted, pictures] of row.entries()) {
      const button = element(
        'button',
        { type: 'button', title: `${names[truth]} taken for ${names[predicted]}: show the images` },
        String(pictures.length),
      );
      button.disabled = pictures.length === 0;
      button.addEventListener('click', () => shown.replaceChildren(...pictures.map(painted)));
      line.append(element('td', {}, button));
    }
    table.append(line);
  }
  return element('div', {}, table, shown);
}

/** Losses by epoch as lines. */
function curve(rows: readonly EpochRow[]): SVGSVGElement {
  const { width, height } = CURVE;
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.setAttribute('role', 'img');
  svg.setAttribute('class', 'curve');
  svg.setAttribute(
    'aria-label',
    `Loss kept back: from ${rows[0]?.val_loss.toFixed(2)} to ${rows.at(-1)?.val_loss.toFixed(2)}`,
  );
  const most = Math.max(...rows.flatMap(({ loss, val_loss }) => [loss, val_loss]));
  for (const [key, stroke] of [
    ['loss', '1'],
    ['val_loss', '3'],
  ] as const) {
    const line = document.createElementNS(SVG, 'polyline');
    const points = rows.map((row, i) => {
      const x = rows.length > 1 ? (i / (rows.length - 1)) * width : 0;
      return `${x.toFixed(1)},${(height - (row[key] / most) * (height - 4) - 2).toFixed(1)}`;
    });
    line.setAttribute('points', points.join(' '));
    line.setAttribute('stroke-width', stroke);
    svg.append(line);
  }
  return svg;
}
