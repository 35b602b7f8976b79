// softmax: scores into probabilities, row by row
//
// Computes   y[n,o] = exp(x[n,o] - max_o x[n,o]) / sum_o exp(x[n,o] - max_o x[n,o]); zero in the padding
// Shapes     x (N,O) f32 · y (N,O); the first CLASSES of O are scores, the rest is padding
// Threads    workgroup of 64 owns a row; thread t owns columns t, t+64, ...; dispatch (N)
// Tile       the 64 threads' results meet in workgroup memory, pairwise, in a fixed order:
//
//                 r0 r1 r2 r3 ...   ->   r0+r32 r1+r33 ...   ->   ...   ->   the row's
//
// Cost       global reads per output 3; arithmetic intensity 0.4 FLOP/B; small, so bound by latency
// Requires   nothing
// Source     the shift by the maximum keeps exp from overflowing: Goodfellow et al., Deep Learning, section 4.1

override O: u32 = 4;
override CLASSES: u32 = 4;

const THREADS: u32 = 64;
const_assert (THREADS & (THREADS - 1)) == 0;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let row = group.x * O;

  var largest = x[row];
  for (var o = t; o < CLASSES; o += THREADS) {
    largest = max(largest, x[row + o]);
  }
  partial[t] = largest;
  for (var stride = THREADS / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (t < stride) {
      partial[t] = max(partial[t], partial[t + stride]);
    }
  }
  workgroupBarrier();
  largest = partial[0];
  workgroupBarrier();

  var sum = 0.0;
  for (var o = t; o < CLASSES; o += THREADS) {
    sum += exp(x[row + o] - largest);
  }
  partial[t] = sum;
  for (var stride = THREADS / 2; stride > 0; stride /= 2) {
    workgroupBarrier();
    if (t < stride) {
      partial[t] += partial[t + stride];
    }
  }
  workgroupBarrier();

  for (var o = t; o < O; o += THREADS) {
    var probability = 0.0;
    if (o < CLASSES) {
      probability = exp(x[row + o] - largest) / partial[0];
    }
    y[row + o] = probability;
  }
}
