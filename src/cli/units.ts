// Numbers as people read them.

/** 1234567 as `1,234,567`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 picture`, `1,234 pictures`. */
export function picturesText(count: number): string {
  return `${grouped(count)} ${count === 1 ? 'picture' : 'pictures'}`;
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
