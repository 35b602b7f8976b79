import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type OutputInfo } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OutputError } from '../../../src/errors.js';
import type { Picture } from '../../../src/image/picture.js';
import { confusionSvg } from '../../../src/node/report/confusion.js';
import { curvesSvg } from '../../../src/node/report/curves.js';
import { lrFindSvg } from '../../../src/node/report/lr_find.js';
import { reportHtml } from '../../../src/node/report/page.js';
import { type ReportOptions, writeReport } from '../../../src/node/report/report.js';
import type { EpochRow } from '../../../src/train/epoch_row.js';
import { createEvaluation, type Evaluation } from '../../../src/train/metrics.js';
import { randomStream } from '../../../src/train/random.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vgg16-report-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const HOSTILE = [
  '</style><script>alert(1)</script>',
  `" onload="alert(1)" x='`,
  ']]>--><!--&amp;&lt;',
  '\u202eback\u0000\ud800\n\uffff',
  'x'.repeat(5000),
  '日本語 🐝',
  '',
];

/** Some pictures of each class, some of them classified rightly. */
function evaluationOf(classes: readonly string[], each: number): Evaluation {
  const stream = randomStream(7, 'shuffle', 'report', classes.length);
  const evaluation = createEvaluation(classes);
  for (let i = 0; i < each * classes.length; i++) {
    const label = i % classes.length;
    const scores = classes.map((_, c) => Math.exp(stream.normal() + (c === label ? 1 : 0)));
    const total = scores.reduce((a, b) => a + b);
    const name = `photos/${classes[label]}/${i}.jpg`;
    evaluation.add(
      { name, label },
      scores.map((score) => score / total),
    );
  }
  return evaluation.result();
}

function historyOf(epochs: number, change: Partial<EpochRow> = {}): EpochRow[] {
  return Array.from({ length: epochs }, (_, i) => ({
    ...{ epoch: i + 1, loss: 1 / (i + 1), accuracy: 1 - 0.5 / (i + 1), val_loss: 0.3 + (i - 3) ** 2 / 100 },
    ...{ val_accuracy: 0.9 - 0.3 / (i + 1), lr: 0.01 / (i + 1), images_per_s: 1234.5, seconds: 2 },
    ...change,
  }));
}

const GREY: Picture = { width: 4, height: 3, data: new Uint8Array(36).fill(128) };

function optionsOf(change: Partial<ReportOptions> = {}): ReportOptions {
  return {
    title: 'train-3',
    history: historyOf(5),
    best: 4,
    evaluation: evaluationOf(['ants', 'bees'], 20),
    choice: 'the lowest validation loss',
    notes: [],
    command: 'vgg16 train photos',
    before: 'Features: 100 computed, in 20 min 3 s',
    facts: [['Seed', '0']],
    loadPicture: () => GREY,
    ...change,
  };
}

async function pageOf(change: Partial<ReportOptions> = {}): Promise<string> {
  await writeReport(folder, optionsOf(change));
  return readFile(join(folder, 'report.html'), 'utf8');
}

/** What a reader sees of it: neither markup, nor style, nor encoded pictures. */
function textOf(html: string): string {
  return html
    .replace(/<style>.*?<\/style>/gs, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

/** librsvg is a strict reader of XML. */
async function drawn(svg: string): Promise<OutputInfo> {
  return (await sharp(Buffer.from(svg)).png().toBuffer({ resolveWithObject: true })).info;
}

describe('plots', () => {
  it.each([1, 2, 12, 24, 40, 41, 60, 100, 300])(
    'show the confusions of %i classes in a file of its own',
    async (count) => {
      const classes = Array.from({ length: count }, (_, i) => `class ${i} ${HOSTILE[i % HOSTILE.length]}`);
      const svg = confusionSvg(evaluationOf(classes, 5));
      const { width, height } = await drawn(svg);
      expect(Math.min(width, height)).toBeGreaterThan(100);
      expect(Math.max(width, height)).toBeLessThan(1250);
      expect(svg.length).toBeLessThan(300_000);
      expect(svg).not.toMatch(/NaN|undefined|Infinity|\p{Cs}/u);
      // Names while they can be read, numbers while they fit.
      expect(/>class 0/.test(svg)).toBe(count <= 100);
      expect(/\d+<\/text>/.test(svg)).toBe(count <= 40);
    },
  );

  it('write a count and its share of the row into a cell', () => {
    const evaluation = createEvaluation(['ants', 'bees']);
    for (const p of [0.9, 0.8, 0.3]) evaluation.add({ name: 'x', label: 0 }, [p, 1 - p]);
    const svg = confusionSvg(evaluation.result());
    expect(svg).toContain('<title>ants taken for bees: 1 of 3</title>1<');
    expect([...svg.matchAll(/>(\d+%)</g)].map(([, share]) => share)).toEqual(['67%', '33%']);
  });

  it.each([
    ['one epoch', historyOf(1)],
    ['many epochs', historyOf(300)],
    ['no validation', historyOf(4, { val_loss: Number.NaN, val_accuracy: Number.NaN })],
    ['losses far apart', historyOf(4).map((row, i) => ({ ...row, loss: 10 ** (2 - 2 * i) }))],
    ['a loss that overflowed', historyOf(4).map((row, i) => ({ ...row, loss: i === 1 ? Infinity : 1 }))],
    ['nothing but zeros', historyOf(3, { loss: 0, val_loss: 0, lr: 0, accuracy: 1, val_accuracy: 1 })],
    ['nothing learned', historyOf(3, { accuracy: 0, val_accuracy: 0 })],
  ])('show a run of %s', async (_, history) => {
    const svg = curvesSvg(history, history[0]!.epoch);
    expect(await drawn(svg)).toMatchObject({ width: 960, height: 450 });
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    // Nothing lies outside of the picture.
    const heights = [...svg.matchAll(/ cy="([^"]+)"/g)].map(([, y]) => Number(y));
    expect(heights.every((y) => y >= 0 && y <= 450)).toBe(true);
  });

  it('mark the best epoch, and name the curves', () => {
    const svg = curvesSvg(historyOf(8), 4);
    expect(svg).toContain('epoch 4: 0.3<');
    expect(svg).toContain('class="ring"');
    expect(svg.match(/>validation</g)).toHaveLength(2);
    expect(curvesSvg(historyOf(8), undefined)).not.toContain('class="mark"');
  });

  it('cut off a search for a rate where it runs away', async () => {
    const curve = Array.from({ length: 60 }, (_, i) => {
      const lr = 10 ** (i / 10 - 5);
      return { lr, loss: lr > 0.3 ? 1e6 * lr : 0.7 - 0.2 * Math.min(1, lr * 10) };
    });
    const svg = lrFindSvg([...curve, { lr: 12, loss: Number.NaN }], 0.05);
    expect(await drawn(svg)).toMatchObject({ width: 720 });
    expect(svg).toContain('suggested: 0.05<');
    expect(svg).not.toMatch(/NaN|undefined|Infinity|1000000/);
  });
});

describe('the report', () => {
  it('is two plots and a page, and nothing else', async () => {
    await writeReport(folder, optionsOf());
    expect((await readdir(folder)).sort()).toEqual(['confusion.svg', 'curves.svg', 'report.html']);
  });

  it('says what there is to know', async () => {
    const evaluation = evaluationOf(['a', 'b', 'c', 'd', 'e', 'f'], 20);
    const html = await pageOf({ evaluation, facts: [['Learning rate', '0.01']] });
    const text = textOf(html);
    expect(text).toContain(
      `${(100 * evaluation.accuracy).toFixed(1)}% of 120 validation pictures classified rightly`,
    );
    expect(text).toContain('Always answering a would be right for 16.7%');
    expect(text).toContain('Best epoch 4 of 5');
    expect(text).toContain('Learning rate 0.01');
    expect(text).toContain(`vgg16 classify --weights ${join(folder, 'best.safetensors')} photo.jpg`);
    expect(html.match(/<img /g)).toHaveLength(24);
    expect(html.match(/<svg /g)).toHaveLength(4);
  });

  it('needs nothing else: no script, no address, no font', async () => {
    const html = (await pageOf()).replaceAll('http://www.w3.org/2000/svg', '');
    expect(html).not.toMatch(/<script|<link|@import|@font-face|https?:|url\((?!data:)/i);
    expect(html).toContain("default-src 'none'");
  });

  it('begins with what the test pictures say, where there are any', async () => {
    const test = evaluationOf(['ants', 'bees'], 3);
    const figure = `Test accuracy, 6 pictures</dt><dd>${(100 * test.accuracy).toFixed(1)}%`;
    expect(await pageOf({ test })).toContain(figure);
    expect(await pageOf()).not.toContain('Test accuracy');
  });

  it('is the same, byte for byte, when it is written again', async () => {
    expect(await pageOf()).toBe(await pageOf());
  });

  it('lets no name become markup', async () => {
    const evaluation = evaluationOf(HOSTILE, 10);
    const html = reportHtml({
      ...optionsOf({ title: HOSTILE.join(' '), evaluation, facts: [[HOSTILE[0]!, HOSTILE[1]!]] }),
      thumbnails: evaluation.worst.map(() => 'data:,'),
      weights: `it's ${HOSTILE[0]}/best.safetensors`,
    });
    expect(html).not.toMatch(/<script|[\0\u202e\uffff]|\p{Cs}/u);
    expect(html.match(/<style>/g)).toHaveLength(1);
    // Every attribute is a name and a quoted value without brackets.
    for (const [tag] of html.slice(html.indexOf('<body>')).matchAll(/<[^>]*>/g)) {
      expect(tag).toMatch(/^<\/?[a-z0-9]+( [a-z0-9:-]+(="[^"<>]*")?)*\/?>$/i);
    }
    expect(html).not.toMatch(/ onload="/);
    expect(html).toContain('&#39;it&#39;\\&#39;&#39;s &lt;/style&gt;');
  });

  it('stays small, even where the mistakes are noise that cannot be compressed', async () => {
    const stream = randomStream(1, 'shuffle', 'noise');
    const data = Uint8Array.from({ length: 320 * 320 * 3 }, () => stream.below(256));
    const classes = Array.from({ length: 100 }, (_, i) => `class ${i}`);
    const html = await pageOf({
      evaluation: evaluationOf(classes, 20),
      loadPicture: () => ({ width: 320, height: 320, data }),
    });
    expect(html.match(/<img /g)).toHaveLength(24);
    expect(html.length).toBeLessThan(1_000_000);
  });

  it('has a placeholder for a picture that cannot be read any more, and passes on other errors', async () => {
    const { evaluation } = optionsOf();
    const gone = evaluation.worst[1]!.name;
    const html = await pageOf({
      evaluation,
      loadPicture: async ({ name }) => (name === gone ? join(folder, 'gone.jpg') : GREY),
    });
    expect(html.match(/cannot be read any more/g)).toHaveLength(1);
    expect(html.match(/<img /g)).toHaveLength(evaluation.worst.length - 1);
    const bug = () => {
      throw new RangeError('a bug');
    };
    await expect(writeReport(folder, optionsOf({ loadPicture: bug }))).rejects.toThrow('a bug');
  });

  it('shows the whole picture, upright and scaled down', async () => {
    const data = new Uint8Array(2000 * 500 * 3);
    const html = await pageOf({ loadPicture: () => ({ width: 2000, height: 500, data }) });
    const [, encoded] = /src="data:image\/webp;base64,([^"]+)"/.exec(html)!;
    const { width, height } = await sharp(Buffer.from(encoded!, 'base64')).metadata();
    expect([width, height]).toEqual([288, 72]);
  });

  it('of classes without pictures, without mistakes, without epochs, says so', async () => {
    const perfect = createEvaluation(['seen', 'never seen']);
    perfect.add({ name: 'x.jpg', label: 0 }, [1, 0]);
    await rm(join(folder, 'curves.svg'), { force: true });
    const html = await pageOf({ evaluation: perfect.result(), history: [], best: undefined, facts: [] });
    const text = textOf(html);
    expect(text).toContain('100% of 1 validation picture classified rightly');
    expect(text).toContain('never seen 0 not measured');
    expect(text).toContain('Not one validation picture was taken for another class.');
    expect(text).not.toMatch(/How it learned|Settings|NaN|undefined|Infinity/);
    expect(await readdir(folder)).not.toContain('curves.svg');
  });

  it('without validation during training names the best epoch that it is told, and no numbers of it', async () => {
    const history = historyOf(3, { val_loss: Number.NaN, val_accuracy: Number.NaN });
    const told = textOf(await pageOf({ history, best: 3 }));
    expect(told).toContain('Best epoch 3 of 3');
    expect(told).not.toMatch(/NaN/);
  });

  it('refuses a folder that is missing, and keeps what it cannot replace', async () => {
    const missing = join(folder, 'missing');
    await expect(writeReport(missing, optionsOf())).rejects.toThrow(OutputError);
    const file = join(folder, 'a file');
    await writeFile(file, 'mine');
    await expect(writeReport(file, optionsOf())).rejects.toThrow(OutputError);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});
