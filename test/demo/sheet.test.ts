import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { chooseDrawings, type Drawing, loadIconSets } from '../../demo/drawings.js';
import { escapeHtml, htmlSheet, SHEET_MARK } from '../../demo/sheet.js';
import { pngSheet } from '../../demo/sheet_png.js';
import { judge, type Verdict } from '../../demo/verdict.js';

const PNG = Buffer.from('png');

let drawings: Drawing[];
let verdict: Verdict;

beforeAll(async () => {
  drawings = chooseDrawings(await loadIconSets(), { perClass: 4, seed: 0 });
  // One direction a class, but the second animal (index 4) points where food does.
  const features = drawings.map(({ label }, i) =>
    Float32Array.from({ length: 4 }, (_, axis) => (axis === (i === 4 ? 1 : label) ? 1 + i / 100 : 0)),
  );
  verdict = judge(drawings, features);
});

const sheet = (changed: Partial<Parameters<typeof htmlSheet>[0]> = {}) =>
  htmlSheet({
    verdict,
    pngs: drawings.map(() => PNG),
    size: 64,
    seed: 0,
    adapter: 'an adapter',
    layer: 'block4_pool',
    ...changed,
  });

const count = (text: string, part: string) => text.split(part).length - 1;

describe('judge', () => {
  it('counts what was right and where mistakes went', () => {
    expect(verdict.accuracy).toBeCloseTo(15 / 16, 9);
    // Plainly, food's first drawing has only perfect neighbours; the one with the lowest index is the stray animal.
    expect(verdict.plainAccuracy).toBeCloseTo(14 / 16, 9);
    expect(verdict.confusion).toEqual([
      [3, 1, 0, 0],
      [0, 4, 0, 0],
      [0, 0, 4, 0],
      [0, 0, 0, 4],
    ]);
    expect(verdict.judged[4]).toMatchObject({ predicted: 1, right: false });
    for (const [i, { neighbours }] of verdict.judged.entries()) {
      expect(neighbours).toHaveLength(5);
      expect(neighbours.map(({ index }) => index)).not.toContain(i);
    }
  });
});

describe('the HTML sheet', () => {
  it('has a card for every drawing, with its name and five neighbours', () => {
    const html = sheet();
    expect(count(html, '<article ')).toBe(16);
    expect(count(html, '<li ')).toBe(16 * 5);
    for (const [i, { name }] of drawings.entries()) {
      expect(html).toContain(`<h3>${name.replaceAll('-', ' ')}</h3>`);
      expect(count(html, `class="picture p${i}"`)).toBeGreaterThanOrEqual(1);
      expect(count(html, `\n.p${i}{`)).toBe(1);
    }
  });

  it('marks the mistakes and what they were taken for', () => {
    const html = sheet();
    expect(count(html, 'class="card wrong"')).toBe(1);
    expect(count(html, '>taken for food<')).toBe(1);
    expect(html).toContain('only the 1 mistakes');
    expect(html).toContain('<strong>94%</strong>');
  });

  it('needs no other file, no script and no network', () => {
    const html = sheet();
    expect(html).not.toMatch(/<script|<link|@import|\ssrc=/i);
    for (const [, target] of html.matchAll(/url\(([^)]{0,30})/g)) expect(target).toMatch(/^data:image\//);
    // Links are for people; they are the only addresses outside of the pictures.
    expect([...html.matchAll(/https?:/g)]).toHaveLength([...html.matchAll(/<a href="https:/g)].length);
  });

  it('escapes what it did not make itself', () => {
    const evil = '<img onerror="x">&\'';
    const judged = verdict.judged.map((one, i) =>
      i === 0 ? { ...one, drawing: { ...one.drawing, name: evil } } : one,
    );
    const html = sheet({ adapter: evil, verdict: { ...verdict, judged } });
    expect(html).not.toContain('<img');
    expect(html).toContain('<h3>&lt;img onerror=&quot;x&quot;&gt;&amp;&#39;</h3>');
    expect(html).toContain('<dd>&lt;img onerror=&quot;x&quot;&gt;&amp;&#39;</dd>');
    expect(escapeHtml('a "b" <c>')).toBe('a &quot;b&quot; &lt;c&gt;');
  });

  it('names the artists, their licences, and itself', () => {
    const html = sheet();
    for (const text of [
      'Twemoji',
      'CC BY 4.0',
      'Noto Emoji',
      'Google',
      'Apache License 2.0',
      'Simonyan',
      SHEET_MARK,
    ]) {
      expect(html).toContain(text);
    }
  });
});

describe('the PNG sheet', () => {
  it('is a picture that names its maker, with a cross in the corner of the one mistake', async () => {
    const png = await pngSheet(verdict);
    expect(png.includes(SHEET_MARK)).toBe(true);
    const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    expect(info.width).toBeGreaterThan(4 * 5 * 64);
    const isRed = (i: number) => data[i]! > 190 && data[i + 1]! < 70 && data[i + 2]! < 70;
    const redAround = (x: number, y: number) => {
      let red = 0;
      for (let dy = -12; dy <= 12; dy++) {
        for (let dx = -12; dx <= 12; dx++) if (isRed(((y + dy) * info.width + x + dx) * 3)) red++;
      }
      return red;
    };
    // First column: the animals. The second one is the mistake.
    expect(redAround(116, 32 + 108)).toBeGreaterThan(100);
    expect(redAround(116, 32)).toBe(0);
  });
});
