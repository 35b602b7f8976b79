// The kernels that computed a layer: their headers as a page to read, their text below.

import avgpool from '../src/kernels/avgpool/avgpool.wgsl';
import { DIRECT_RUNGS, isWinograd, WINOGRAD_RUNGS } from '../src/kernels/conv3x3/rungs.js';
import naive from '../src/kernels/linear/01_naive.wgsl';
import tiled from '../src/kernels/linear/02_tiled.wgsl';
import gemv from '../src/kernels/linear/03_gemv.wgsl';
import gemvSum from '../src/kernels/linear/03_gemv_sum.wgsl';
import registerBlocked from '../src/kernels/linear/04_register_blocked.wgsl';
import transpose from '../src/kernels/linear/04_transpose.wgsl';
import subgroup from '../src/kernels/linear/05_subgroup.wgsl';
import type { LinearRung } from '../src/kernels/linear/linear.js';
import maxpool from '../src/kernels/maxpool/maxpool.wgsl';
import maxpool2x2 from '../src/kernels/maxpool2x2/maxpool2x2.wgsl';
import softmax from '../src/kernels/softmax/softmax.wgsl';
import type { LayerTiming } from '../src/model/profile.js';
import type { ChosenLayer } from '../src/network/build.js';
import { element } from './dom.js';
import { kernelPage } from './kernel_page.js';

const LINEAR: Readonly<Record<LinearRung, readonly string[]>> = {
  '01_naive': [naive],
  '02_tiled': [tiled],
  '03_gemv': [gemv, gemvSum],
  '04_register_blocked': [transpose, registerBlocked],
  '05_subgroup': [subgroup],
};

/** The texts of a layer's kernels, in the order in which they run. */
export function kernelTexts({ layer, conv, dense }: ChosenLayer): readonly string[] {
  if (conv) return isWinograd(conv.rung) ? WINOGRAD_RUNGS[conv.rung].passes : [DIRECT_RUNGS[conv.rung]];
  if (dense) return LINEAR[dense.rung];
  switch (layer.operation) {
    case 'maxpool2x2':
      return [maxpool2x2];
    case 'avgpool':
      return [avgpool];
    case 'maxpool':
      return [maxpool];
    default:
      return [softmax];
  }
}

/** Shows a layer's kernels. @param timing  of the layer, where it was measured */
export function showKernels(body: HTMLElement, chosen: ChosenLayer, timing: LayerTiming | undefined): void {
  const texts = kernelTexts(chosen);
  const rung = (chosen.conv ?? chosen.dense)?.rung;
  const what =
    texts.length === 1 ? 'One kernel computed' : `${texts.length} kernels, one after another, computed`;
  const how = rung === undefined ? '' : ` by ${rung}`;
  const time = timing
    ? `: ${timing.ms.toFixed(2)} ms on this adapter, ${timing.gflops.toPrecision(3)} GFLOP/s`
    : '';
  const intro = `${what} this layer${how}${time}.`;
  body.append(element('p', { class: 'hint' }, intro));
  for (const { title, entries, body: code } of texts.map(kernelPage)) {
    const header = element('dl', { class: 'header' });
    for (const { name, parts } of entries) {
      const texts = parts.map(({ isDrawing, text }) => element(isDrawing ? 'pre' : 'p', {}, text));
      header.append(element('dt', {}, name), element('dd', {}, ...texts));
    }
    body.append(
      element('h3', {}, title),
      header,
      element('details', {}, element('summary', {}, 'WGSL'), element('pre', { tabindex: '0' }, code)),
    );
  }
}
