import { describe, expect, it } from 'vitest';
import { commonFolder } from '../../../src/node/report/sections.js';
import { linearScale, logScale } from '../../../src/plot/line_chart.js';
import { DARK, escapeText, LIGHT, shortened } from '../../../src/plot/svg.js';
import { counted, percent, short } from '../../../src/text.js';
import { confidenceInterval } from '../../../src/train/metrics.js';

describe('numbers in a report', () => {
  it('say 100% and 0% only of all and of nothing', () => {
    const shares = [0, 0.00001, 0.5, 0.93464, 0.99999, 1];
    expect(shares.map((share) => percent(share))).toEqual(['0%', '0.1%', '50.0%', '93.5%', '99.9%', '100%']);
    expect(percent(0.999, 0)).toBe('99%');
  });

  it('have three digits', () => {
    expect([0, 0.12345, 12.345, 0.001, 0.0001, 0.00001234].map(short)).toEqual([
      ...['0', '0.123', '12.3', '0.001', '0.0001', '1.23e-5'],
    ]);
    expect([counted(1, 'picture'), counted(1200, 'picture')]).toEqual(['1 picture', '1,200 pictures']);
  });

  it('come with the interval that Wilson gives', () => {
    // Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    const cases = [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ] as const;
    for (const [hits, count, low, high] of cases) {
      const interval = confidenceInterval(hits / count, count);
      expect(interval[0], `${hits} of ${count}`).toBeCloseTo(low, 4);
      expect(interval[1], `${hits} of ${count}`).toBeCloseTo(high, 4);
    }
    expect(confidenceInterval(1, 20)[1]).toBe(1);
  });
});

describe('scales', () => {
  it('have round ticks that cover the values', () => {
    expect(linearScale([0, 0.73], [100, 0]).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8]);
    expect(linearScale([0.62, 0.99], [100, 0], { most: 4 }).ticks).toEqual([0.6, 0.7, 0.8, 0.9, 1]);
    expect(linearScale([0, 0.3], [0, 1], { most: 3 }).ticks).toEqual([0, 0.1, 0.2, 0.3]);
    expect(linearScale([0.73, 0.73], [0, 1]).ticks.length).toBeGreaterThan(0);
  });

  it('that are not widened keep their ticks inside', () => {
    const epochs = { most: 7, smallestStep: 1, widen: false };
    expect(linearScale([1, 3], [0, 1], epochs).ticks).toEqual([1, 2, 3]);
    expect(linearScale([1, 300], [0, 1], epochs).ticks).toEqual([50, 100, 150, 200, 250, 300]);
    const one = linearScale([1, 1], [0, 10], epochs);
    expect([one.ticks, one.at(1)]).toEqual([[1], 5]);
  });

  it('of logarithms have powers of ten, and more where there is room', () => {
    expect(logScale([1e-7, 10], [0, 1]).ticks).toEqual([1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10]);
    expect(logScale([0.015, 0.7], [0, 1]).ticks).toEqual([0.02, 0.05, 0.1, 0.2, 0.5]);
    expect(logScale([0.01, 1], [0, 100]).at(0.1)).toBeCloseTo(50, 10);
  });
});

describe('names in a report', () => {
  it('mean nothing to HTML or XML', () => {
    expect(escapeText(`<a href="x" id='y'>&`)).toBe('&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;');
    expect(escapeText('a\u0000b\nc\u202ed\ud800e\uffff')).toBe('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
    expect(escapeText('日本語 🐝 é')).toBe('日本語 🐝 é');
  });

  it('are cut between characters as a reader counts them', () => {
    expect(shortened('short', 5)).toBe('short');
    expect(shortened('rather long', 8)).toBe('rather…');
    expect(shortened('👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧', 2)).toBe('👩‍👩‍👧…');
    expect(shortened('x'.repeat(1e6), 5)).toBe('xxxx…');
  });

  it('lose the folder that all files are in', () => {
    expect(commonFolder(['/p/val/a/1.jpg', '/p/val/b/2.jpg'])).toBe('/p/val/');
    expect(commonFolder(['C:\\p\\ab.jpg', 'C:\\p\\ac.jpg'])).toBe('C:\\p\\');
    expect(commonFolder(['ab.jpg', 'ac.jpg'])).toBe('');
    expect(commonFolder(['/p/one.jpg'])).toBe('/p/');
    expect(commonFolder(['p/a/1.jpg', 'q/a/1.jpg'])).toBe('');
  });
});

describe('colours', () => {
  /** https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio */
  const luminance = (colour: string) => {
    const [r, g, b] = [1, 3, 5].map((i) => {
      const c = Number.parseInt(colour.slice(i, i + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (light! + 0.05) / (dark! + 0.05);
  };

  it.each([
    ['light', LIGHT],
    ['dark', DARK],
  ])('can be read on %s paper', (_, theme) => {
    for (const ground of ['paper', 'raised'] as const) {
      for (const text of ['ink', 'soft', 'main', 'miss'] as const) {
        expect(contrast(theme[text], theme[ground]), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});
