// The sheet in small, as one picture: the first drawings of each class with their neighbours, a column a class.
//
// It has no words, because what text looks like depends on the fonts of the machine. A frame's colour is the class of
// the drawing in it; a red cross marks a drawing that was classified wrongly.
import sharp from 'sharp';
import { CLASSES } from './classes.js';
import { render } from './render.js';
import { SHEET_MARK } from './sheet.js';
import { CLASS_COLOURS, MISTAKE_COLOUR } from './sheet_style.js';
import type { Judged, Verdict } from './verdict.js';

/** Drawings of each class that are shown: the first ones of the list, right or wrong. */
const ROWS = 8;

const LARGE = 92;
const SMALL = 64;
const GAP = 8;
const ROW = LARGE + 2 * GAP;
const COLUMN_GAP = 40;
const MARGIN = 28;

/** A PNG file's bytes. */
export async function pngSheet({ judged }: Verdict): Promise<Buffer> {
  const columns = CLASSES.map((_, label) =>
    judged.filter(({ drawing }) => drawing.label === label).slice(0, ROWS),
  );
  const voters = judged[0]!.neighbours.length;
  const columnWidth = LARGE + voters * (SMALL + GAP) + GAP;
  const width = 2 * MARGIN + columns.length * columnWidth + (columns.length - 1) * COLUMN_GAP;
  const height = 2 * MARGIN + Math.max(...columns.map((rows) => rows.length)) * ROW - 2 * GAP;

  const shapes: string[] = [];
  for (const [c, rows] of columns.entries()) {
    const x = MARGIN + c * (columnWidth + COLUMN_GAP);
    for (const [r, one] of rows.entries()) {
      const y = MARGIN + r * ROW;
      shapes.push(await tile(one, x, y, LARGE));
      if (!one.right) shapes.push(cross(x + LARGE - 4, y + 4));
      for (const [n, { index }] of one.neighbours.entries()) {
        const left = x + LARGE + 2 * GAP + n * (SMALL + GAP);
        shapes.push(await tile(judged[index]!, left, y + (LARGE - SMALL) / 2, SMALL));
      }
    }
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#f6f5f2"/>${shapes.join('')}</svg>`;
  return sharp(Buffer.from(svg), { unlimited: true })
    .flatten({ background: '#f6f5f2' })
    .withExif({ IFD0: { Software: SHEET_MARK } })
    .png({ palette: true })
    .toBuffer();
}

async function tile({ drawing }: Judged, x: number, y: number, side: number): Promise<string> {
  const inset = side / 10;
  const inner = Math.round(side - 2 * inset);
  const png = (await render(drawing, inner)).toString('base64');
  return (
    `<rect x="${x}" y="${y}" width="${side}" height="${side}" rx="${side / 9}" fill="#fff" ` +
    `stroke="${CLASS_COLOURS[drawing.className]}" stroke-width="3"/>` +
    `<image x="${x + inset}" y="${y + inset}" width="${inner}" height="${inner}" href="data:image/png;base64,${png}"/>`
  );
}

function cross(x: number, y: number): string {
  return (
    `<circle cx="${x}" cy="${y}" r="13" fill="${MISTAKE_COLOUR}" stroke="#f6f5f2" stroke-width="3"/>` +
    `<path d="M${x - 5} ${y - 5}l10 10m0-10l-10 10" stroke="#fff" stroke-width="3" stroke-linecap="round"/>`
  );
}
