// Numbers, counts and names as messages and reports write them.

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

/** `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${short(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `1 picture`, `3 pictures`. */
export function pictures(count: number): string {
  return `${count} ${count === 1 ? 'picture' : 'pictures'}`;
}

/** More names than these would bury what a message says. */
const MOST_NAMES = 5;

/** The first few names, and how many there are besides. */
export function listed(names: readonly string[]): string {
  const rest = names.length - MOST_NAMES;
  const shown = names.slice(0, MOST_NAMES).join(', ');
  return rest > 0 ? `${shown} and ${rest} more` : shown;
}

/** Decimal units: `29.4 MB`, `553 MB`, `76 B`. */
export function byteText(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB']);
}

/** Floating point operations: `173 MFLOP`, `30.9 GFLOP`. */
export function flopText(flops: number): string {
  return scaled(flops, ['FLOP', 'kFLOP', 'MFLOP', 'GFLOP', 'TFLOP']);
}

/** Three digits and the unit that they need. */
function scaled(value: number, units: readonly string[]): string {
  let shown = value;
  let unit = 0;
  // 999.5 would be shown as 1000.
  while (shown >= 999.5 && unit < units.length - 1) {
    shown /= 1000;
    unit++;
  }
  const decimals = unit === 0 || shown >= 99.95 ? 0 : shown >= 9.995 ? 1 : 2;
  return `${shown.toFixed(decimals)} ${units[unit]}`;
}
