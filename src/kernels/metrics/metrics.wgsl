// metrics: a batch's losses and hits added to running totals
//
// Computes   totals += sum_n rows[n]: loss and weight in units of 2^-48, in 96 bits each; how many were counted, and hits. A row
//            whose loss or weight is not finite, or 2^28 or more, is left out of both, and the first such step is remembered
// Shapes     rows (N,4) f32: weighted loss, weight, hit, counted · totals (9) u32: loss, its lowest word first; weight, likewise;
//            pictures, hits, first bad step + 1 · control (5)
// Threads    one workgroup of 32; thread t owns rows t, t+32, ...; dispatch (1)
// Tile       the 32 threads' sums meet in workgroup memory, where the first thread adds them up
// Cost       global reads per row 4 words; small, so bound by latency. Whole numbers add up exactly, in any order and for any number of
//            pictures up to 2^20: each is off by at most 2^-49, where an f32 sum of 100,000 losses has lost three digits
// Requires   nothing
// Source     fixed point, and not Kahan's sum: WGSL lets a compiler reorder float arithmetic, and so undo the compensation

const THREADS: u32 = 32;

const MAGNITUDE: u32 = 0x7fffffff;
/** The bits of 2^28: the bits of magnitudes are in order, and those of infinity and NaN are the largest. */
const LIMIT: u32 = 0x4d800000;

struct Control {
  lr: f32,
  step: u32,
  seed: u32,
  adam_step: f32,
  adam_scale: f32,
}

struct Totals {
  loss: array<u32, 3>,
  weight: array<u32, 3>,
  count: u32,
  hits: u32,
  bad: u32,
}

@group(0) @binding(0) var<storage, read> rows: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> totals: Totals;
@group(0) @binding(2) var<storage, read> control: Control;

var<workgroup> partial: array<Totals, THREADS>;

/** A number from 0 to 2^28 in units of 2^-48. Every step is exact but for the last word, which is rounded. */
fn fixed_point(value: f32) -> array<u32, 3> {
  let high = floor(value * 0x1p-16);
  let below = value - high * 0x1p16;
  let middle = floor(below * 0x1p16);
  let low = round((below - middle * 0x1p-16) * 0x1p48);
  return array(u32(low), u32(middle), u32(high));
}

fn sum96(a: array<u32, 3>, b: array<u32, 3>) -> array<u32, 3> {
  let low = a[0] + b[0];
  let half = a[1] + b[1];
  let middle = half + u32(low < a[0]);
  return array(low, middle, a[2] + b[2] + u32(half < a[1]) + u32(middle < half));
}

fn sum(a: Totals, b: Totals) -> Totals {
  return Totals(
    sum96(a.loss, b.loss),
    sum96(a.weight, b.weight),
    a.count + b.count,
    a.hits + b.hits,
    select(a.bad, b.bad, a.bad == 0),
  );
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_index) t: u32) {
  var mine: Totals;
  for (var n = t; n < arrayLength(&rows); n += THREADS) {
    let row = rows[n];
    let magnitudes = row.xy & vec2u(MAGNITUDE);
    var each: Totals;
    if (all(magnitudes < vec2u(LIMIT))) {
      each.loss = fixed_point(bitcast<f32>(magnitudes.x));
      each.weight = fixed_point(bitcast<f32>(magnitudes.y));
    } else {
      each.bad = control.step + 1;
    }
    each.hits = u32(bitcast<f32>(row.z));
    each.count = u32(bitcast<f32>(row.w));
    mine = sum(mine, each);
  }
  partial[t] = mine;
  workgroupBarrier();
  if (t == 0) {
    var all = totals;
    for (var other = 0u; other < THREADS; other++) {
      all = sum(all, partial[other]);
    }
    totals = all;
  }
}
