// The layers from image to scores, one below the other: shape, time, and the strongest maps.

import type { LayerName } from '../src/architecture.js';
import { breath, byId, element } from './dom.js';
import { strongestChannels } from './layer_map.js';
import type { Pass } from './layer_view.js';
import { paintChannel } from './maps.js';

/** Maps beside a layer's name. */
const STRIP_MAPS = 5;

/** @param onChosen  told which layer is to be opened */
export async function showStrip(
  { explored: { layers }, maps, times }: Pass,
  chosen: LayerName,
  onChosen: (layer: LayerName) => void,
): Promise<void> {
  const list = byId('layers');
  const shownNow = [...list.querySelectorAll<HTMLElement>('[data-layer]')].map(
    ({ dataset }) => dataset.layer,
  );
  const isNew = shownNow.join() !== layers.join();
  if (isNew) list.replaceChildren();
  for (const name of layers) {
    const map = maps.get(name)!;
    const item = isNew
      ? list.appendChild(layerItem(name, name === chosen, onChosen))
      : list.querySelector(`[data-layer="${name}"]`)!;
    item.querySelector('.shape')!.textContent = map.shape.join(' x ');
    const strip = item.querySelector('.maps')!;
    if (map.shape.length === 3) {
      const canvases = strongestChannels(map)
        .slice(0, STRIP_MAPS)
        .map(({ channel }) => {
          const canvas = element('canvas', { 'aria-hidden': 'true' });
          paintChannel(canvas, map, channel, 32);
          return canvas;
        });
      strip.replaceChildren(...canvases);
    } else
      strip.replaceChildren(
        element('span', { class: 'shape' }, `largest ${Math.max(...map.data).toPrecision(3)}`),
      );
    await breath();
  }
  showTimes(times);
}

function layerItem(name: LayerName, isChosen: boolean, onChosen: (layer: LayerName) => void): HTMLLIElement {
  const button = element(
    'button',
    { type: 'button', 'aria-pressed': String(isChosen) },
    element('span', {}, name, element('span', { class: 'time', style: 'width: 0' })),
    element(
      'span',
      {},
      element('span', { class: 'shape' }),
      element('br'),
      element('span', { class: 'shape ms' }),
    ),
    element('span', { class: 'maps' }),
  );
  button.addEventListener('click', () => {
    for (const other of byId('layers').querySelectorAll('button'))
      other.setAttribute('aria-pressed', String(other === button));
    onChosen(name);
  });
  return element('li', { 'data-layer': name }, button);
}

/** Each layer's time, and a line as long as its share of the longest. */
export function showTimes(times: Pass['times']): void {
  const longest = Math.max(0, ...[...(times?.values() ?? [])].map(({ ms }) => ms));
  for (const item of byId('layers').querySelectorAll<HTMLElement>('[data-layer]')) {
    const ms = times?.get(item.dataset.layer as LayerName)?.ms;
    item.querySelector('.ms')!.textContent = ms === undefined ? '' : `${ms.toFixed(2)} ms`;
    const share = ms === undefined || longest === 0 ? 0 : ms / longest;
    item.querySelector<HTMLElement>('.time')!.style.width = `${(100 * share).toFixed(1)}%`;
  }
}
