// A layer opened: all its channels, one of them enlarged, one of its pixels explained.

import { BASE_LAYERS, type ConvName, type LayerName } from '../src/architecture.js';
import type { LayerTiming } from '../src/model/profile.js';
import { byId, element } from './dom.js';
import { showKernels } from './kernel_view.js';
import { type LayerMap, strongestChannels } from './layer_map.js';
import { remember } from './link.js';
import { paintChannel } from './maps.js';
import type { Explored, Maps } from './network.js';
import { type Field, pixelSum, receptiveField } from './pixel.js';
import { showWorkbench } from './workbench_view.js';

/** What a layer is shown of. */
export interface Pass {
  readonly explored: Explored;
  readonly size: number;
  /** The network's input after pixels were prepared, (size,size,3). */
  readonly input: LayerMap;
  readonly maps: Maps;
  /** By layer, where the adapter has a clock. */
  readonly times: ReadonlyMap<LayerName, LayerTiming> | undefined;
}

/** Channels that are painted before somebody asks for all. */
const FIRST = 64;
/** Terms of a sum that are listed. */
const TERMS = 12;
const LARGEST_OUTPUTS = 20;

const TABS = ['channels', 'kernel', 'workbench'] as const;
type Tab = (typeof TABS)[number];

/** What was opened last, kept from image to image. */
let tab: Tab = 'channels';
const chosenChannels = new Map<LayerName, number>();

/** Opens layers at this tab, if it is one. */
export function openAt(name: string | undefined): void {
  tab = TABS.find((known) => known === name) ?? tab;
}

/** @param onField  told which part of the image a pixel depends on; undefined for none */
export function showLayer(pass: Pass, layer: LayerName, onField: (field: Field | undefined) => void): void {
  const { explored, size, maps, times } = pass;
  const body = byId('detail-body');
  body.replaceChildren();
  onField(undefined);
  byId('detail-title').textContent = layer;
  const isConv = explored.model.widths.convs.has(layer);
  const current = tab === 'workbench' && !isConv ? 'kernel' : tab;
  const tabs = element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'What is shown of the layer' });
  for (const [name, label] of [
    ['channels', 'Channels'],
    ['kernel', 'Kernels'],
    ...(isConv ? [['workbench', 'Workbench'] as const] : []),
  ] as const) {
    const button = element(
      'button',
      { type: 'button', role: 'tab', 'aria-selected': String(current === name) },
      label,
    );
    button.addEventListener('click', () => {
      tab = name;
      remember({ tab });
      showLayer(pass, layer, onField);
    });
    tabs.append(button);
  }
  body.append(tabs);
  if (current === 'workbench') {
    showWorkbench(body, explored, layer as ConvName, size);
    return;
  }
  if (current === 'kernel') {
    showKernels(body, explored.kernelsOf(layer, size), times?.get(layer));
    return;
  }
  const map = maps.get(layer)!;
  if (map.shape.length === 3) showChannels(pass, layer, map, onField);
  else showOutputs(body, map, explored, layer);
}

/** The largest numbers of a layer of the head. */
function showOutputs(
  body: HTMLElement,
  { data }: LayerMap,
  { model, layers }: Explored,
  layer: LayerName,
): void {
  const ranked = [...data].map((value, i) => ({ value, i })).sort((a, b) => b.value - a.value);
  const isLast = data.length === model.labels.length && layers.indexOf(layer) >= layers.length - 2;
  const table = element(
    'table',
    {},
    element('tr', {}, element('th', {}, isLast ? 'class' : 'output'), element('th', {}, 'value')),
  );
  for (const { value, i } of ranked.slice(0, LARGEST_OUTPUTS)) {
    const name = isLast ? model.labels[i]!.label : String(i);
    table.append(element('tr', {}, element('td', {}, name), element('td', {}, value.toPrecision(4))));
  }
  body.append(element('p', { class: 'hint' }, `${data.length} numbers, the largest first.`), table);
}

function showChannels(
  pass: Pass,
  layer: LayerName,
  map: LayerMap,
  onField: (field: Field | undefined) => void,
): void {
  const body = byId('detail-body');
  const [H, W, C] = map.shape as [number, number, number];
  const ranked = strongestChannels(map);
  const grid = element('div', { class: 'channels', role: 'group', 'aria-label': 'Channels' });
  const large = element('div', {});
  const choose = (channel: number) => {
    chosenChannels.set(layer, channel);
    for (const button of grid.querySelectorAll('button'))
      button.setAttribute('aria-pressed', String(Number(button.dataset.channel) === channel));
    showChannel(pass, layer, map, channel, large, onField);
  };
  const paint = (from: number, to: number) => {
    for (const { channel, mean } of ranked.slice(from, to)) {
      const canvas = element('canvas');
      paintChannel(canvas, map, channel, 48);
      const label = `channel ${channel}, mean ${mean.toPrecision(3)}`;
      const button = element(
        'button',
        {
          type: 'button',
          title: label,
          'aria-label': label,
          'aria-pressed': 'false',
          'data-channel': String(channel),
        },
        canvas,
      );
      button.addEventListener('click', () => choose(channel));
      grid.append(button);
    }
  };
  paint(0, FIRST);
  body.append(
    element(
      'p',
      { class: 'hint' },
      `${C} maps of ${H} x ${W}, the strongest first. Choose one to enlarge it.`,
    ),
    grid,
  );
  if (C > FIRST) {
    const more = element('button', { type: 'button' }, `show all ${C}`);
    more.addEventListener('click', () => {
      more.remove();
      paint(FIRST, C);
    });
    body.append(more);
  }
  body.append(large);
  choose(chosenChannels.get(layer) ?? ranked[0]!.channel);
}

function showChannel(
  pass: Pass,
  layer: LayerName,
  map: LayerMap,
  channel: number,
  body: HTMLElement,
  onField: (field: Field | undefined) => void,
): void {
  const [H, W] = map.shape as [number, number, number];
  const canvas = element('canvas', {
    class: 'large',
    tabindex: '0',
    role: 'application',
    'aria-label': `Channel ${channel} enlarged: choose a pixel with a click or the arrow keys`,
  });
  paintChannel(canvas, map, channel);
  const explanation = element('div', { 'aria-live': 'polite' });
  body.replaceChildren(
    element('h3', {}, `Channel ${channel}`),
    canvas,
    element(
      'p',
      { class: 'hint' },
      'Click a pixel, or move with the arrow keys: where does its number come from?',
    ),
    explanation,
  );
  let [h, w] = [Math.floor(H / 2), Math.floor(W / 2)];
  const explain = async () => {
    const isBase = BASE_LAYERS.some(({ name }) => name === layer);
    onField(isBase ? receptiveField(layer, h, w) : undefined);
    await explainPixel(pass, layer, map, { h, w, o: channel }, explanation);
  };
  canvas.addEventListener('click', ({ offsetX, offsetY }) => {
    h = Math.min(H - 1, Math.floor((offsetY / canvas.clientHeight) * H));
    w = Math.min(W - 1, Math.floor((offsetX / canvas.clientWidth) * W));
    void explain();
  });
  canvas.addEventListener('keydown', (event) => {
    const [down, right] =
      { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key] ?? [];
    if (down === undefined || right === undefined) return;
    event.preventDefault();
    h = Math.min(H - 1, Math.max(0, h + down));
    w = Math.min(W - 1, Math.max(0, w + right));
    void explain();
  });
}

async function explainPixel(
  { explored, input, maps }: Pass,
  layer: LayerName,
  { data, shape }: LayerMap,
  { h, w, o }: { readonly h: number; readonly w: number; readonly o: number },
  body: HTMLElement,
): Promise<void> {
  const [, W, C] = shape as [number, number, number];
  const value = data[(h * W + w) * C + o]!;
  const place = BASE_LAYERS.findIndex(({ name }) => name === layer);
  const below = place === 0 ? input : maps.get(BASE_LAYERS[place - 1]?.name as LayerName);
  const heading = `Row ${h}, column ${w}: ${value.toPrecision(5)}`;
  if (place < 0 || !below) {
    body.replaceChildren(element('p', {}, heading));
    return;
  }
  if (BASE_LAYERS[place]!.operation === 'maxpool2x2') {
    const [, inputColumns] = below.shape as [number, number, number];
    const four = [0, 1, 2, 3].map((i) => {
      const pixel = (2 * h + (i >> 1)) * inputColumns + 2 * w + (i & 1);
      return below.data[pixel * C + o]!.toPrecision(4);
    });
    body.replaceChildren(
      element('p', {}, heading),
      element(
        'p',
        {},
        `The largest of four: ${four.join(', ')}. Outlined on the image: all that it depends on.`,
      ),
    );
    return;
  }
  const numbers = await explored.numbersOf(layer as ConvName);
  const { terms, bias, sum } = pixelSum(below, numbers, { h, w, o });
  const table = element(
    'table',
    {},
    element(
      'tr',
      {},
      ...['row', 'column', 'channel', 'x', 'weight', 'x · weight'].map((name) => element('th', {}, name)),
    ),
  );
  const row = (...cells: readonly string[]) =>
    table.append(element('tr', {}, ...cells.map((cell) => element('td', {}, cell))));
  for (const { row: down, column, channel, x, weight, product } of terms.slice(0, TERMS)) {
    const at = (from: number) => (from > 0 ? `+${from}` : String(from));
    row(
      at(down),
      at(column),
      String(channel),
      x.toPrecision(4),
      weight.toPrecision(4),
      product.toPrecision(4),
    );
  }
  const rest = terms.slice(TERMS).reduce((total, { product }) => total + product, 0);
  row(`${Math.max(0, terms.length - TERMS)} more`, '', '', '', '', rest.toPrecision(4));
  row('bias', '', '', '', '', bias.toPrecision(4));
  row('sum', '', '', '', '', sum.toPrecision(5));
  const relu = sum < 0 ? 'ReLU makes 0 of it.' : 'ReLU leaves it as it is.';
  body.replaceChildren(
    element('p', {}, heading),
    element('p', {}, `A sum of ${terms.length} products and a bias, the largest first. ${relu}`),
    table,
  );
}
