// How the command writes numbers, tables and names.

import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { count, pixelsOrNone, sides, sidesOrNone } from '../../src/cli/arguments.js';
import { npyHeader } from '../../src/cli/feature_file.js';
import { alignedRows, wrapped } from '../../src/cli/table.js';
import { printable, Terminal } from '../../src/cli/terminal.js';
import { byteText, flopText, whole } from '../../src/text.js';

describe('units', () => {
  it('have three digits', () => {
    const bytes = [0, 76, 999, 1000, 9994, 9995, 99_949, 99_950, 999_499, 999_500, 411_041_792, 1e15];
    expect(bytes.map(byteText)).toEqual([
      ...['0 B', '76 B', '999 B', '1.00 kB', '9.99 kB', '10.0 kB', '99.9 kB', '100 kB', '999 kB', '1.00 MB'],
      ...['411 MB', '1000 TB'],
    ]);
    expect(flopText(30_960_211_456)).toBe('31.0 GFLOP');
  });

  it('group digits', () => {
    expect([0, 999, 1000, 138_357_544].map(whole)).toEqual(['0', '999', '1,000', '138,357,544']);
  });
});

describe('tables', () => {
  it('align and colour cells without trailing spaces', () => {
    const rows = [
      ['a', '1', 'x'],
      ['long', '100', 'yz'],
    ];
    const columns = [{ style: (cell: string) => `<${cell}>` }, { align: 'right' }, {}] as const;
    expect(alignedRows(rows, columns)).toEqual(['<a   >    1  x', '<long>  100  yz']);
  });

  it('wrap at spaces and indent what follows', () => {
    expect(wrapped('one two three four', 9)).toEqual(['one two', '  three', '  four']);
    expect(wrapped('unbreakable', 4)).toEqual(['unbreakable']);
  });
});

describe('names', () => {
  it('stay as they are in any script, but steer neither terminal nor reading direction', () => {
    expect(printable('Käfer 日本 👩‍🔬.png')).toBe('Käfer 日本 👩‍🔬.png');
    expect(printable('a\nb\tc\u001b[31m\u202egpj')).toBe('a\\nb\\tc\\u001b[31m\\u202egpj');
  });

  it('in messages on a terminal replace a progress bar', () => {
    const written: string[] = [];
    const stderr = { isTTY: true, write: (text: string) => written.push(text) };
    new Terminal(stderr, stderr, new AbortController().signal).skipped('a.jpg does not exist');
    const said = written.join('');
    expect(said.startsWith('\r\u001b[K')).toBe(true);
    expect(said).toMatch(/skipped:\S* a\.jpg does not exist\n$/);
  });
});

describe('arguments', () => {
  it('are numbers and sizes', () => {
    expect([count('1'), count('640')]).toEqual([1, 640]);
    expect([pixelsOrNone('none'), pixelsOrNone('256')]).toEqual(['none', 256]);
    expect([sides('224'), sides('240x320'), sidesOrNone('none')]).toEqual([[224, 224], [240, 320], 'none']);
  });

  it.each(['', ' 1', '0', '-1', '1.5', '0x10', '1e2', 'one', '99999999999999999999'])(
    '%j is none',
    (text) => {
      for (const parse of [count, pixelsOrNone, sides, sidesOrNone])
        expect(() => parse(text)).toThrow(InvalidArgumentError);
    },
  );

  it.each(['x', '1x', 'x1', '1x2x3', '2X3', 'none'])('%j is no size', (text) => {
    expect(() => sides(text)).toThrow(InvalidArgumentError);
  });
});

describe('npyHeader', () => {
  const text = (shape: readonly number[], size?: number) =>
    Buffer.from(npyHeader(shape, size)).toString('latin1');

  it('is as numpy.save writes it, byte for byte', () => {
    // Taken from numpy 1.24: numpy.save(file, numpy.zeros((3, 4, 5, 64), numpy.float32)).
    const dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4, 5, 64), }";
    expect(text([3, 4, 5, 64])).toBe(`\x93NUMPY\x01\x00v\x00${dictionary.padEnd(117)}\n`);
  });

  it('begins the numbers at a multiple of 64, and can have the size of another', () => {
    for (const shape of [[1], [3, 1e6], [1e15, 1e15, 1e15, 1e15, 1e15]]) {
      const header = text(shape);
      expect(header.length % 64).toBe(0);
      expect(header.charCodeAt(8) + 256 * header.charCodeAt(9)).toBe(header.length - 10);
    }
    expect(text([3], 256)).toHaveLength(256);
    expect(text([3])).toContain("'shape': (3,), }");
  });
});
