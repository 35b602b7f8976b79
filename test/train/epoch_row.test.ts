import { describe, expect, it } from 'vitest';
import { UsageError } from '../../src/errors.js';
import {
  asWritten,
  type EpochRow,
  parseResults,
  resultsHeader,
  resultsLine,
} from '../../src/train/epoch_row.js';

const ROW: EpochRow = {
  epoch: 3,
  loss: 0.123456789,
  val_loss: 1 / 3,
  val_accuracy: 0.9375,
  accuracy: 1,
  lr: 1.25e-7,
  images_per_s: 1234.56,
  seconds: 0.20449,
};

describe('results.csv', () => {
  it('begins with the columns that people look for', () => {
    expect(resultsHeader).toBe('epoch,loss,val_loss,val_accuracy,accuracy,lr,images_per_s,seconds\n');
    expect(resultsLine(ROW)).toBe('3,0.123457,0.333333,0.9375,1,1.25e-7,1235,0.2045\n');
  });

  it('comes back as it was written, and is then written as it came', () => {
    const unmeasured = { ...ROW, epoch: 4, val_loss: Number.NaN, val_accuracy: Number.NaN };
    const text = resultsHeader + resultsLine(ROW) + resultsLine(unmeasured);
    const rows = parseResults(text, 'results.csv');
    expect(rows).toEqual([asWritten(ROW), asWritten(unmeasured)]);
    expect(resultsHeader + rows.map(resultsLine).join('')).toBe(text);
    expect(resultsLine(unmeasured)).toBe('4,0.123457,,,1,1.25e-7,1235,0.2045\n');
  });

  it('may have been through a spreadsheet', () => {
    const text =
      'note,seconds,images_per_s,lr,accuracy,val_accuracy,val_loss,loss,epoch\r\nx,1,2,3,4,5,6,7,8\r\n\r\n';
    expect(parseResults(text, 'results.csv')).toEqual([
      { epoch: 8, loss: 7, val_loss: 6, val_accuracy: 5, accuracy: 4, lr: 3, images_per_s: 2, seconds: 1 },
    ]);
  });

  it('loses no more than the last line when writing it was cut short, wherever that was', () => {
    const whole = resultsHeader + resultsLine(ROW);
    const next = resultsLine({ ...ROW, epoch: 4 });
    for (let length = 0; length < next.length; length++) {
      expect(parseResults(whole + next.slice(0, length), 'results.csv')).toEqual([asWritten(ROW)]);
    }
  });

  it('says where it is damaged', () => {
    const cases = [
      ['', 'results.csv: its first line has no column epoch'],
      [resultsHeader.replace('lr,', ''), 'results.csv: its first line has no column lr'],
      [`${resultsHeader}1,2,x,4,5,6,7,8\n`, 'results.csv: line 2: val_loss is x, not a number'],
      [`${resultsHeader}1,2\n`, 'results.csv: line 2: val_loss is missing, not a number'],
    ] as const;
    for (const [text, message] of cases) {
      expect(() => parseResults(text, 'results.csv')).toThrow(new UsageError(message));
    }
  });
});
