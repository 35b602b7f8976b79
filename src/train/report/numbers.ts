// Numbers as the report writes them.

const WHOLE = new Intl.NumberFormat('en-GB');

/** 1234567 as `1,234,567`. */
export function whole(count: number): string {
  return WHOLE.format(count);
}

/** A count and what is counted: `1 picture`, `1,200 pictures`. */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A share as `93.4%`. Only all is 100%, and only nothing is 0%. */
export function percent(share: number, decimals = 1): string {
  if (share === 0 || share === 1) return `${100 * share}%`;
  const smallest = 10 ** -decimals;
  return `${Math.min(Math.max(100 * share, smallest), 100 - smallest).toFixed(decimals)}%`;
}

/** A loss or a rate: three digits, as `0.123` or `1.23e-5`. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  return value !== 0 && Math.abs(value) < 1e-4 ? rounded.toExponential() : String(rounded);
}

/**
 * Where the true share lies with 95% confidence, when `share` was found among `count` pictures: Wilson's score interval
 * (1927), which stays within 0 to 1.
 */
export function confidenceInterval(share: number, count: number): readonly [low: number, high: number] {
  const z = 1.959964;
  const scale = 1 + z ** 2 / count;
  const centre = (share + z ** 2 / (2 * count)) / scale;
  const reach = (z / scale) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  // At its ends it is exact, which rounding would hide.
  return [share === 0 ? 0 : centre - reach, share === 1 ? 1 : centre + reach];
}
