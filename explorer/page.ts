// The explorer page: an image goes through VGG16 on this machine's graphics card, and every layer can be looked at.

import type { LayerName } from '../src/architecture.js';
import { DeviceLostError, VggError } from '../src/errors.js';
import type { Picture } from '../src/image/picture.js';
import { normalise } from '../src/reference/normalise.js';
import type { Preprocess } from '../src/weights/archive.js';
import { arithmeticOf } from '../src/weights/preprocess.js';
import { type Heat, heatOf, type Seen, showClasses, showNeighbours } from './answers.js';
import { byId, element } from './dom.js';
import { addressOf, DRAWINGS } from './drawings.js';
import { averagesOf, type LayerMap } from './layer_map.js';
import { openAt, type Pass, showLayer } from './layer_view.js';
import { placeOf, remember } from './link.js';
import { showMeasure } from './measure_view.js';
import { Explored } from './network.js';
import { drawOverlay } from './overlay.js';
import { paintPicture, pixelsOf, type Shown, shownAddress, shownCamera, shownFile } from './pictures.js';
import type { Field } from './pixel.js';
import { showStrip, showTimes } from './strip.js';
import { showTraining } from './training_view.js';

const SIZES = [32, 64, 96, 128, 160, 224, 320] as const;
/** Of the image, in px; a CPU that plays a graphics card takes seconds for more. */
const USUAL_SIZE = { card: 224, software: 64 };

let explored: Explored;
/** The network that the page came with. Training begins with it; `explored` may be a head on it. */
let original: Explored;
let size: number;
let shown: Shown;
let picture: Picture;
let pass: Pass | undefined;
let layer: LayerName = 'block1_conv2';
/** Each layer's time by side of the image, where the adapter has a clock. */
const timesBySize = new Map<number, NonNullable<Pass['times']>>();
/** What lies over the image: what speaks for a class, and what a pixel depends on. */
let heat: Heat | undefined;
let field: Field | undefined;
/** Images that were looked at, by name, all of one size; others are compared with them. */
let seen = new Map<string, Seen>();
/** The image that comes next: passes take turns, and a newer image replaces one that waits. */
let waiting: Shown | undefined;
let isBusy = false;
/** Networks that are no longer looked at; they are disposed of when the pass under way has ended. */
const retired: Explored[] = [];

function say(text: string, isBad = false): void {
  const status = byId('status');
  status.textContent = text;
  status.classList.toggle('bad', isBad);
}

/** @throws whatever is no error of ours: a fault of this page */
function sayError(error: unknown): void {
  if (error instanceof DeviceLostError) {
    say(`The graphics device was lost (${error.message}). Reload the page to go on.`, true);
  } else if (error instanceof VggError) say(error.message, true);
  else {
    say(`This page has a fault: ${(error as Error)?.message ?? error}`, true);
    throw error;
  }
}

async function start(): Promise<void> {
  const progress = byId<HTMLProgressElement>('progress');
  say('Loading the network…');
  progress.hidden = false;
  try {
    explored = await Explored.load(({ loaded, total }) => {
      progress.max = total;
      progress.value = loaded;
      say(`Loading the network: ${(loaded / 1e6).toFixed(1)} of ${(total / 1e6).toFixed(1)} MB`);
    });
  } catch (error) {
    byId('recorded').hidden = false;
    sayError(error);
    return;
  } finally {
    progress.hidden = true;
  }
  original = explored;
  const { model, manifest } = explored;
  const { description, vendor, architecture, isSoftware } = model.gpu.info;
  const adapter =
    description || [vendor, architecture].filter(Boolean).join(' ') || 'a graphics adapter without a name';
  const speed = isSoftware ? ', a software adapter: a CPU computes, which takes long' : '';
  byId('facts').textContent = `${manifest.name} on ${adapter}${speed}.`;
  for (const note of manifest.notes) byId('facts').append(element('br'), `Note: ${note}`);
  const usual = isSoftware ? USUAL_SIZE.software : USUAL_SIZE.card;
  const place = placeOf(location.hash);
  size = sizesOf(model).find((side) => String(side) === place.size) ?? trainedSize(model) ?? usual;
  layer = explored.layers.find((name) => name === place.layer) ?? layer;
  openAt(place.tab);
  const select = byId<HTMLSelectElement>('size');
  offerSizes();
  select.addEventListener('change', () => {
    size = Number(select.value);
    remember({ size: select.value });
    seen = new Map();
    void look(shown);
  });
  for (const drawing of DRAWINGS) {
    const image = element('img', { src: addressOf(drawing), alt: drawing.name, width: '32', height: '32' });
    const button = element('button', { type: 'button', title: drawing.name }, image);
    button.addEventListener('click', () => {
      remember({ drawing: drawing.name });
      void take(shownAddress(addressOf(drawing), drawing.name));
    });
    byId('drawings').append(button);
  }
  listen();
  showTraining({ explored: () => original, size: () => size, use, say });
  showMeasure({ explored: () => original, size: () => size, say });
  byId('views').hidden = false;
  byId('main').hidden = false;
  const first = DRAWINGS.find(({ name }) => name === place.drawing) ?? DRAWINGS[0]!;
  await take(shownAddress(addressOf(first), first.name));
}

/** Side in px of the images that the network was trained with; undefined where it takes any, and does not say it. */
function trainedSize({ inputSide, widths }: Explored['model']): number | undefined {
  return inputSide ?? widths.size;
}

function sizesOf(model: Explored['model']): number[] {
  const trained = trainedSize(model);
  if (model.inputSide !== undefined) return [model.inputSide];
  return [...new Set([...SIZES, ...(trained === undefined ? [] : [trained])])].sort((a, b) => a - b);
}

function offerSizes(): void {
  const options = sizesOf(explored.model).map((side) =>
    element('option', { value: String(side) }, `${side} px`),
  );
  byId('size').replaceChildren(...options);
  byId<HTMLSelectElement>('size').value = String(size);
}

/** Looks with a head that was trained elsewhere, on the command line for instance. */
async function takeHead(file: File): Promise<void> {
  try {
    await use(file);
  } catch (error) {
    sayError(error);
  }
}

/** Looks with a trained head on the base that the page came with. @throws WeightsError for no head, or one of another base */
async function use(file: Blob): Promise<Explored> {
  const head = await original.withHead(file);
  if (explored !== original) retired.push(explored);
  explored = head;
  size = trainedSize(explored.model) ?? size;
  seen = new Map();
  offerSizes();
  byId('facts').textContent =
    `${original.manifest.name} with a head trained on it: ${explored.model.labels.map(({ label }) => label).join(', ')}.`;
  timesBySize.clear();
  void look(shown);
  return explored;
}

/** The views, by the button that leads there. */
const VIEWS = { 'to-look': 'main', 'to-train': 'train', 'to-measure': 'measure' } as const;

function turnTo(chosen: keyof typeof VIEWS): void {
  for (const [button, view] of Object.entries(VIEWS)) {
    byId(view).hidden = button !== chosen;
    byId(button).setAttribute('aria-pressed', String(button === chosen));
  }
}

/** Files by drop, by choice and from the clipboard; the camera. */
function listen(): void {
  const takeFile = (file: File | undefined) => {
    if (!file) return;
    if (/\.safetensors$/i.test(file.name)) {
      void takeHead(file);
      return;
    }
    remember({ drawing: undefined });
    void take(shownFile(file, file.name || 'the image'));
  };
  const input = byId<HTMLInputElement>('file');
  input.addEventListener('change', () => {
    takeFile(input.files?.[0]);
    input.value = '';
  });
  document.addEventListener('paste', ({ clipboardData }) => takeFile(clipboardData?.files[0]));
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    document.body.classList.add('dropping');
  });
  document.addEventListener('dragleave', () => document.body.classList.remove('dropping'));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    document.body.classList.remove('dropping');
    takeFile(event.dataTransfer?.files[0]);
  });
  byId('camera').addEventListener('click', () => void take(shownCamera()));
  for (const button of Object.keys(VIEWS) as (keyof typeof VIEWS)[])
    byId(button).addEventListener('click', () => turnTo(button));
}

async function take(coming: Promise<Shown>): Promise<void> {
  try {
    await look(await coming);
  } catch (error) {
    sayError(error);
  }
}

/** Sends an image through the network; while one is on its way, the last that came in waits. */
async function look(next: Shown): Promise<void> {
  waiting = next;
  if (isBusy) return;
  isBusy = true;
  try {
    while (waiting) {
      shown = waiting;
      waiting = undefined;
      // What failed must not keep the next one from being looked at.
      await compute().catch((error) => {
        if (!waiting) sayError(error);
      });
      for (const network of retired.splice(0)) network.dispose();
    }
  } finally {
    isBusy = false;
  }
}

async function compute(): Promise<void> {
  // Both may change while this is under way, for the pass that comes next.
  const [network, side] = [explored, size];
  const { model, layers } = network;
  say(`Computing ${shown.name}…`);
  picture = pixelsOf(shown, side);
  paintPicture(byId<HTMLCanvasElement>('picture'), picture);
  heat = undefined;
  field = undefined;
  paintOverlay();
  const began = performance.now();
  const results = await model.forward([picture], layers);
  const ms = performance.now() - began;
  const planned = model.layers(side, side, layers.at(-1)!);
  const maps = new Map(planned.map(({ name, shape }) => [name, { data: results.get(name)!, shape }]));
  const times = timesBySize.get(side);
  pass = { explored: network, size: side, input: inputOf(picture, model.preprocess), maps, times };
  await showStrip(pass, layer, (name) => {
    layer = name;
    remember({ layer });
    showDetail();
  });
  if (waiting) return;
  showDetail();
  await answer(pass);
  say(`${shown.name}: ${ms.toFixed(0)} ms for all ${layers.length} layers, with reading them back.`);
  if (!times && !waiting) await measure(pass);
}

/** As the first convolution reads it, (size,size,3). */
function inputOf({ width: W, height: H, data }: Picture, preprocess: Preprocess): LayerMap {
  const padded = normalise(data, { N: 1, H, W }, arithmeticOf(preprocess));
  return { data: Float32Array.from(padded.filter((_, i) => i % 4 !== 3)), shape: [H, W, 3] };
}

async function answer({ explored: { model }, maps, size: side }: Pass): Promise<void> {
  const body = byId('answers');
  if (model.hasClassifier) {
    await showClasses(body, model, picture, (index) => void showHeat(index));
    return;
  }
  const last = model.widths.features;
  const features = averagesOf(maps.get(last)!);
  await lookAtDrawings(model, last, side);
  const others = [...seen.values()].filter(({ name }) => name !== shown.name);
  showNeighbours(body, features, others, last);
  seen.set(shown.name, { name: shown.name, picture, features });
}

/** The included drawings are there to be compared with from the beginning. */
async function lookAtDrawings(model: Explored['model'], last: LayerName, side: number): Promise<void> {
  for (const drawing of DRAWINGS) {
    if (seen.has(drawing.name) || waiting) continue;
    const pixels = pixelsOf(await shownAddress(addressOf(drawing), drawing.name), side);
    const data = (await model.forward([pixels], [last])).get(last)!;
    const shape = model.layers(side, side, last).at(-1)!.shape;
    seen.set(drawing.name, { name: drawing.name, picture: pixels, features: averagesOf({ data, shape }) });
  }
}

async function showHeat(index: number | undefined): Promise<void> {
  heat = undefined;
  paintOverlay();
  if (index === undefined || !pass) return;
  say('Computing gradients…');
  const of = picture;
  const { explored: network, maps } = pass;
  try {
    const found = await heatOf(network, of, maps.get(network.model.widths.features)!, index);
    if (of !== picture) return;
    heat = found;
    paintOverlay();
    say('');
  } catch (error) {
    sayError(error);
  }
}

function paintOverlay(): void {
  drawOverlay(picture, heat, field);
}

function showDetail(): void {
  if (!pass) return;
  // Another head may lack it.
  if (!pass.maps.has(layer)) layer = 'block1_conv2';
  showLayer(pass, layer, (found) => {
    field = found;
    paintOverlay();
  });
}

/** Each layer's time by the adapter's own clock. */
async function measure(of: Pass): Promise<void> {
  const { model, layers } = of.explored;
  const timings = await model.profile({ batch: 1, height: of.size, width: of.size }, layers.at(-1)!, {
    passes: 3,
  });
  if (!timings) return;
  const times = new Map(timings.map((timing) => [timing.layer, timing]));
  timesBySize.set(of.size, times);
  if (pass !== of) return;
  pass = { ...of, times };
  showTimes(times);
}

/** For the curious: in the browser's console, `explorer.maps.get('block1_conv1')` has a layer's numbers. */
Object.defineProperty(globalThis, 'explorer', { get: () => pass });

void start();
